/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The expression becomes a small program; all its threads advance together over the line (Thompson's
 * construction), each at most once per octet. */
enum opcode { OP_OCTET, OP_ANY, OP_SET, OP_START, OP_END, OP_SPLIT, OP_JUMP, OP_MATCH };

struct op {
    uint8_t code;
    uint8_t octet;
    uint16_t a, b; /* targets of jumps; a: index of a set */
};

enum { OPS_MAX = 4 * PATTERN_MAX, SETS_MAX = 64, DEPTH_MAX = 32 };

struct pattern {
    struct op ops[OPS_MAX];
    uint16_t count;
    uint8_t sets[SETS_MAX][32];
    uint16_t set_count;
};

struct compiler {
    struct pattern *p;
    const char *at;
    const char *error;
    unsigned depth;
};

static bool fail(struct compiler *c, const char *error)
{
    if (!c->error)
        c->error = error;
    return false;
}

static bool emit(struct compiler *c, struct op op)
{
    if (c->p->count == OPS_MAX)
        return fail(c, "the expression is too long");
    c->p->ops[c->p->count++] = op;
    return true;
}

/* Makes room for one op in front of those from `at` on; their own targets move along. */
static bool insert(struct compiler *c, uint16_t at, struct op op)
{
    struct pattern *p = c->p;

    if (!emit(c, op))
        return false;
    memmove(&p->ops[at + 1], &p->ops[at], (size_t)(p->count - 1 - at) * sizeof p->ops[0]);
    p->ops[at] = op;
    for (uint16_t i = (uint16_t)(at + 1); i < p->count; i++) {
        bool jumps = p->ops[i].code == OP_SPLIT || p->ops[i].code == OP_JUMP;
        if (jumps && p->ops[i].a >= at)
            p->ops[i].a++;
        if (jumps && p->ops[i].b >= at)
            p->ops[i].b++;
    }
    return true;
}

static void set_add(uint8_t *set, unsigned from, unsigned to)
{
    for (unsigned i = from; i <= to; i++)
        set[i / 8] = (uint8_t)(set[i / 8] | 1u << i % 8);
}

static bool compile_set(struct compiler *c)
{
    bool inverted = *c->at == '^';
    uint8_t *set;

    if (c->p->set_count == SETS_MAX)
        return fail(c, "too many [] in the expression");
    set = c->p->sets[c->p->set_count];
    c->at += inverted;
    for (const char *start = c->at; *c->at && (*c->at != ']' || c->at == start);) {
        unsigned from = (unsigned char)*c->at++, to = from;
        if (c->at[0] == '-' && c->at[1] && c->at[1] != ']') {
            to = (unsigned char)c->at[1];
            c->at += 2;
        }
        set_add(set, from, to);
    }
    if (*c->at != ']')
        return fail(c, "a [ without its ]");
    c->at++;
    for (unsigned i = 0; inverted && i < 32; i++)
        set[i] = (uint8_t)~set[i];
    return emit(c, (struct op){.code = OP_SET, .a = c->p->set_count++});
}

static bool compile_alternatives(struct compiler *c);

static bool compile_group(struct compiler *c)
{
    if (++c->depth > DEPTH_MAX)
        return fail(c, "too many ( within each other");
    if (!compile_alternatives(c))
        return false;
    c->depth--;
    if (*c->at != ')')
        return fail(c, "a ( without its )");
    c->at++;
    return true;
}

static bool compile_atom(struct compiler *c)
{
    char o = *c->at++;

    switch (o) {
    case '.':
        return emit(c, (struct op){.code = OP_ANY});
    case '^':
        return emit(c, (struct op){.code = OP_START});
    case '$':
        return emit(c, (struct op){.code = OP_END});
    case '[':
        return compile_set(c);
    case '(':
        return compile_group(c);
    case '*':
    case '+':
    case '?':
        return fail(c, "a repetition of nothing");
    case '\\':
        if (*c->at)
            o = *c->at++;
        break;
    }
    return emit(c, (struct op){.code = OP_OCTET, .octet = (uint8_t)o});
}

static bool repeat(struct compiler *c, char how, uint16_t start)
{
    uint16_t body = (uint16_t)(start + 1), end;

    if (how == '+')
        return emit(c, (struct op){.code = OP_SPLIT, .a = start, .b = (uint16_t)(c->p->count + 1)});
    if (!insert(c, start, (struct op){.code = OP_SPLIT}))
        return false;
    if (how == '*' && !emit(c, (struct op){.code = OP_JUMP, .a = start}))
        return false;
    end = c->p->count;
    c->p->ops[start].a = body;
    c->p->ops[start].b = end;
    return true;
}

static bool compile_sequence(struct compiler *c)
{
    while (*c->at && *c->at != '|' && *c->at != ')') {
        uint16_t start = c->p->count;
        if (!compile_atom(c))
            return false;
        while (*c->at && strchr("*+?", *c->at))
            if (!repeat(c, *c->at++, start))
                return false;
    }
    return true;
}

static bool compile_alternatives(struct compiler *c)
{
    uint16_t jumps[PATTERN_MAX], n = 0, start = c->p->count;

    if (!compile_sequence(c))
        return false;
    while (*c->at == '|') {
        c->at++;
        if (!insert(c, start, (struct op){.code = OP_SPLIT, .a = (uint16_t)(start + 1)}))
            return false;
        jumps[n++] = c->p->count;
        if (!emit(c, (struct op){.code = OP_JUMP}))
            return false;
        c->p->ops[start].b = c->p->count;
        start = c->p->count;
        if (!compile_sequence(c))
            return false;
    }
    while (n > 0)
        c->p->ops[jumps[--n]].a = c->p->count;
    return true;
}

struct pattern *pattern_new(const char *expression, const char **error)
{
    struct pattern *p = calloc(1, sizeof *p);
    struct compiler c = {.p = p, .at = expression};

    if (!p)
        fail(&c, "out of memory");
    else if (strlen(expression) > PATTERN_MAX)
        fail(&c, "the expression is too long");
    else if (compile_alternatives(&c) && *c.at == ')')
        fail(&c, "a ) without its (");
    if (!c.error && emit(&c, (struct op){.code = OP_MATCH}))
        return p;
    *error = c.error;
    free(p);
    return NULL;
}

void pattern_free(struct pattern *p)
{
    free(p);
}

struct threads {
    uint16_t at[OPS_MAX];
    size_t n;
    uint32_t seen[OPS_MAX]; /* = mark when already in the list */
    uint32_t mark;
};

struct matcher {
    const struct pattern *p;
    bool at_start, at_end, matched;
};

/* Follows the ops that take no octet; an explicit stack, since an expression is an operator's text. */
static void add_thread(struct matcher *m, struct threads *t, uint16_t first)
{
    uint16_t stack[2 * OPS_MAX + 1];
    size_t n = 0;

    stack[n++] = first;
    while (n > 0) {
        uint16_t at = stack[--n];
        const struct op *op = &m->p->ops[at];
        if (t->seen[at] == t->mark)
            continue;
        t->seen[at] = t->mark;
        if (op->code == OP_SPLIT)
            stack[n++] = op->b;
        if (op->code == OP_SPLIT || op->code == OP_JUMP)
            stack[n++] = op->a;
        else if ((op->code == OP_START && m->at_start) || (op->code == OP_END && m->at_end))
            stack[n++] = (uint16_t)(at + 1);
        else if (op->code == OP_MATCH)
            m->matched = true;
        else if (op->code <= OP_SET)
            t->at[t->n++] = at;
    }
}

static bool takes(const struct pattern *p, const struct op *op, uint8_t octet)
{
    return op->code == OP_ANY || (op->code == OP_OCTET && op->octet == octet) ||
           (op->code == OP_SET && p->sets[op->a][octet / 8] >> octet % 8 & 1);
}

bool pattern_matches(const struct pattern *p, const char *line, size_t length)
{
    struct threads lists[2] = {{.mark = 1}, {.mark = 1}};
    struct threads *now = &lists[0], *next = &lists[1], *other;
    struct matcher m = {.p = p};

    for (size_t i = 0; !m.matched; i++) {
        m.at_start = i == 0;
        m.at_end = i == length;
        add_thread(&m, now, 0); /* a match may begin anywhere */
        if (i == length)
            break;
        m.at_start = false;
        m.at_end = i + 1 == length;
        next->n = 0;
        next->mark++;
        for (size_t k = 0; k < now->n && !m.matched; k++)
            if (takes(p, &p->ops[now->at[k]], (uint8_t)line[i]))
                add_thread(&m, next, (uint16_t)(now->at[k] + 1));
        other = now;
        now = next;
        next = other;
    }
    return m.matched;
}
