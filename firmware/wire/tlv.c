/* SPDX-License-Identifier: BSD-3-Clause */
/* What is common to all parameters: refusing one. */
#include "wire/tlv.h"

static int note(struct parse *p, const uint8_t *where, uint16_t cause, bool report, const char *reason)
{
    if (p->fault) {
        p->fault->cause = cause;
        p->fault->offset = (size_t)(where - p->start);
        p->fault->reason = reason;
        p->fault->report = report;
    }
    return ERR_MALFORMED;
}

/* A message that is dropped for a graver reason no longer reports the parameters that were skipped before. */
static void forget_unrecognized(struct parse *p)
{
    if (p->fault)
        p->fault->n_unrecognized = 0;
}

int parse_broken(struct parse *p, struct octets where, const char *reason)
{
    forget_unrecognized(p);
    return note(p, where.data, WIRE_CAUSE_INVALID_VALUES, false, reason);
}

int parse_invalid(struct parse *p, const struct tlv *t, const char *reason)
{
    forget_unrecognized(p);
    if (p->fault)
        p->fault->offending = t->whole;
    return note(p, t->whole.data, WIRE_CAUSE_INVALID_VALUES, true, reason);
}

/* RFC 5354, 3: 00 discard, 01 discard and report, 10 skip, 11 skip and report. */
int parse_unknown(struct parse *p, const struct tlv *t)
{
    bool skip = t->type & 0x8000, report = t->type & 0x4000;

    if (skip && !report)
        return 0;
    if (!report)
        forget_unrecognized(p);
    note(p, t->whole.data, WIRE_CAUSE_UNRECOGNIZED_PARAMETER, report, "unrecognised parameter");
    if (report && p->fault && p->fault->n_unrecognized < WIRE_UNRECOGNIZED_MAX)
        p->fault->unrecognized[p->fault->n_unrecognized++] = t->whole;
    return skip ? 0 : ERR_UNRECOGNIZED;
}

int parse_misplaced(struct parse *p, const struct tlv *t)
{
    if (t->type == WIRE_HANDLE_RESOLUTION_OPTION)
        return 0; /* known, but of no meaning here: its type says to skip it in silence */
    if (t->type == 0 || t->type > WIRE_OPAQUE)
        return parse_unknown(p, t);
    return parse_broken(p, t->whole, "parameter in a place where it is not allowed");
}
