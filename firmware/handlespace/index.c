/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The B+tree of index.h. Full nodes are split on the way down, so that running out of memory leaves a valid
 * tree; nodes that have become nearly empty are merged on the way up. A small tree is one leaf that grows
 * with its content.
 */
#include "handlespace/index.h"

#include "handlespace/heap.h"

#include <string.h>

enum { LEAF_MIN = 4, LEAF_MAX = 64, INNER_MAX = 64 };

struct inner {
    uint16_t n;               /* children */
    uint32_t keys[INNER_MAX]; /* keys[i]: lower bound of child i; keys[0] is not looked at */
    void *children[INNER_MAX];
};

static size_t leaf_octets(unsigned capacity)
{
    return sizeof(struct index_leaf) + capacity * sizeof(struct index_entry);
}

static struct index_leaf *leaf_new(unsigned capacity, size_t *octets)
{
    struct index_leaf *leaf = heap_take(leaf_octets(capacity), octets);
    if (leaf)
        *leaf = (struct index_leaf){.capacity = (uint16_t)capacity};
    return leaf;
}

/* The searches count, first every eighth key, then the eight between: no comparison waits for another one,
 * and no branch can be mispredicted but the ends of the loops. */
enum { STRIDE = 8 };

/* Position of the first entry whose key is not below the given one. */
static unsigned leaf_position(const struct index_leaf *leaf, uint32_t key)
{
    unsigned n = leaf->n, at = 0;
    for (unsigned i = STRIDE - 1; i < n; i += STRIDE)
        at += leaf->entries[i].key < key;
    const struct index_entry *entries = leaf->entries + (at *= STRIDE);
    unsigned rest = n - at < STRIDE ? n - at : STRIDE;
    for (unsigned i = 0; i < rest; i++)
        at += entries[i].key < key;
    return at;
}

/* The last child whose lower bound is not above the key, or the first. */
static unsigned inner_position(const struct inner *node, uint32_t key)
{
    unsigned n = node->n, at = 0;
    for (unsigned i = STRIDE; i < n; i += STRIDE)
        at += node->keys[i] <= key;
    const uint32_t *keys = node->keys + (at *= STRIDE);
    unsigned rest = n - at < STRIDE ? n - at : STRIDE;
    for (unsigned i = 1; i < rest; i++)
        at += keys[i] <= key;
    return at;
}

static struct index_leaf *leaf_of(const struct index *x, uint32_t key)
{
    void *node = x->root;
    for (uint32_t height = x->height; height > 0; height--) {
        const struct inner *inner = node;
        node = inner->children[inner_position(inner, key)];
    }
    return node;
}

uint32_t *index_find(const struct index *x, uint32_t key)
{
    struct index_leaf *leaf = leaf_of(x, key);
    if (!leaf)
        return NULL;
    unsigned at = leaf_position(leaf, key);
    return at < leaf->n && leaf->entries[at].key == key ? &leaf->entries[at].value : NULL;
}

const struct index_entry *index_after(const struct index *x, uint32_t key)
{
    if (key == UINT32_MAX || !x->root)
        return NULL;
    const struct index_leaf *leaf = leaf_of(x, key + 1);
    unsigned at = leaf_position(leaf, key + 1);
    if (at == leaf->n) {
        leaf = leaf->next;
        at = 0;
    }
    return leaf ? &leaf->entries[at] : NULL;
}

static void inner_insert(struct inner *node, unsigned at, uint32_t key, void *child)
{
    memmove(&node->keys[at + 1], &node->keys[at], (node->n - at) * sizeof node->keys[0]);
    memmove(&node->children[at + 1], &node->children[at], (node->n - at) * sizeof node->children[0]);
    node->keys[at] = key;
    node->children[at] = child;
    node->n++;
}

static void inner_remove(struct inner *node, unsigned at)
{
    node->n--;
    memmove(&node->keys[at], &node->keys[at + 1], (node->n - at) * sizeof node->keys[0]);
    memmove(&node->children[at], &node->children[at + 1], (node->n - at) * sizeof node->children[0]);
}

/* Keys that arrive in ascending order leave full leaves behind, others half full ones. */
static bool split_leaf(struct inner *parent, unsigned at, uint32_t key, size_t *octets)
{
    struct index_leaf *left = parent->children[at], *right = leaf_new(LEAF_MAX, octets);
    if (!right)
        return false;
    bool append = !left->next && key > left->entries[left->n - 1].key;
    unsigned keep = append ? left->n : left->n / 2;
    right->n = (uint16_t)(left->n - keep);
    memcpy(right->entries, left->entries + keep, right->n * sizeof right->entries[0]);
    left->n = (uint16_t)keep;
    right->next = left->next;
    right->previous = left;
    if (right->next)
        right->next->previous = right;
    left->next = right;
    inner_insert(parent, at + 1, append ? key : right->entries[0].key, right);
    return true;
}

static bool split_inner(struct inner *parent, unsigned at, size_t *octets)
{
    struct inner *left = parent->children[at], *right = heap_take(sizeof *right, octets);
    if (!right)
        return false;
    bool last = at == parent->n - 1u;
    unsigned keep = last ? INNER_MAX * 7 / 8 : INNER_MAX / 2;
    right->n = (uint16_t)(left->n - keep);
    memcpy(right->keys, left->keys + keep, right->n * sizeof right->keys[0]);
    memcpy(right->children, left->children + keep, right->n * sizeof right->children[0]);
    left->n = (uint16_t)keep;
    inner_insert(parent, at + 1, right->keys[0], right);
    return true;
}

static bool is_full(const void *node, uint32_t height)
{
    return height ? ((const struct inner *)node)->n == INNER_MAX
                  : ((const struct index_leaf *)node)->n == LEAF_MAX;
}

/* Makes room at the root: a first leaf, a larger leaf, or one more level. */
static bool prepare_root(struct index *x, size_t *octets)
{
    struct index_leaf *leaf = x->root;
    if (!x->root) {
        x->root = x->first = leaf_new(LEAF_MIN, octets);
        return x->root != NULL;
    }
    if (x->height == 0 && leaf->n == leaf->capacity && leaf->capacity < LEAF_MAX) {
        unsigned capacity = leaf->capacity * 2u;
        leaf = heap_resize(leaf, leaf_octets(capacity), octets);
        if (!leaf)
            return false;
        leaf->capacity = (uint16_t)capacity;
        x->root = x->first = leaf;
        return true;
    }
    if (!is_full(x->root, x->height))
        return true;
    struct inner *root = heap_take(sizeof *root, octets);
    if (!root)
        return false;
    root->n = 1;
    root->keys[0] = 0;
    root->children[0] = x->root;
    x->root = root;
    x->height++;
    return true;
}

uint32_t *index_place(struct index *x, uint32_t key, uint32_t fresh, size_t *octets)
{
    if (!prepare_root(x, octets))
        return NULL;
    void *node = x->root;
    for (uint32_t height = x->height; height > 0; height--) {
        struct inner *inner = node;
        unsigned at = inner_position(inner, key);
        if (is_full(inner->children[at], height - 1)) {
            if (!(height > 1 ? split_inner(inner, at, octets) : split_leaf(inner, at, key, octets)))
                return NULL;
            at = inner_position(inner, key);
        }
        node = inner->children[at];
    }
    struct index_leaf *leaf = node;
    unsigned at = leaf_position(leaf, key);
    if (at == leaf->n || leaf->entries[at].key != key) {
        memmove(&leaf->entries[at + 1], &leaf->entries[at], (leaf->n - at) * sizeof leaf->entries[0]);
        leaf->entries[at] = (struct index_entry){key, fresh};
        leaf->n++;
    }
    return &leaf->entries[at].value;
}

bool index_put(struct index *x, uint32_t key, uint32_t value, size_t *octets)
{
    uint32_t *place = index_place(x, key, value, octets);
    if (place)
        *place = value;
    return place != NULL;
}

static void leaf_free(struct index *x, struct index_leaf *leaf, size_t *octets)
{
    if (leaf->next)
        leaf->next->previous = leaf->previous;
    if (leaf->previous)
        leaf->previous->next = leaf->next;
    else
        x->first = leaf->next;
    heap_give(leaf, octets);
}

static unsigned fill(const void *node, uint32_t height)
{
    return height ? ((const struct inner *)node)->n : ((const struct index_leaf *)node)->n;
}

/* Appends child at + 1 to child at when both leave room for some growth. */
static bool merge(struct index *x, struct inner *parent, unsigned at, uint32_t height, size_t *octets)
{
    if (at + 1u >= parent->n)
        return false;
    void *left = parent->children[at], *right = parent->children[at + 1];
    unsigned n = fill(left, height), m = fill(right, height);
    if (n + m > (height ? INNER_MAX : LEAF_MAX) * 3 / 4)
        return false;
    if (height) {
        struct inner *l = left, *r = right;
        memcpy(l->keys + n, r->keys, m * sizeof l->keys[0]);
        l->keys[n] = parent->keys[at + 1];
        memcpy(l->children + n, r->children, m * sizeof l->children[0]);
        l->n = (uint16_t)(n + m);
        heap_give(r, octets);
    } else {
        struct index_leaf *l = left, *r = right;
        memcpy(l->entries + n, r->entries, m * sizeof l->entries[0]);
        l->n = (uint16_t)(n + m);
        leaf_free(x, r, octets);
    }
    inner_remove(parent, at + 1);
    return true;
}

static void settle(struct index *x, struct inner *parent, unsigned at, uint32_t height, size_t *octets)
{
    void *child = parent->children[at];
    unsigned n = fill(child, height);
    if (n == 0) {
        if (height)
            heap_give(child, octets);
        else
            leaf_free(x, child, octets);
        inner_remove(parent, at);
    } else if (n < (height ? INNER_MAX : LEAF_MAX) / 4) {
        if (!merge(x, parent, at, height, octets) && at > 0)
            merge(x, parent, at - 1, height, octets);
    }
}

static bool erase_below(struct index *x, void *node, uint32_t height, uint32_t key, size_t *octets)
{
    if (height) {
        struct inner *inner = node;
        unsigned at = inner_position(inner, key);
        if (!erase_below(x, inner->children[at], height - 1, key, octets))
            return false;
        settle(x, inner, at, height - 1, octets);
        return true;
    }
    struct index_leaf *leaf = node;
    unsigned at = leaf_position(leaf, key);
    if (at == leaf->n || leaf->entries[at].key != key)
        return false;
    leaf->n--;
    memmove(&leaf->entries[at], &leaf->entries[at + 1], (leaf->n - at) * sizeof leaf->entries[0]);
    return true;
}

static void shrink_root(struct index *x, size_t *octets)
{
    while (x->height && ((struct inner *)x->root)->n == 1) {
        struct inner *root = x->root;
        x->root = root->children[0];
        x->height--;
        heap_give(root, octets);
    }
    if (x->height)
        return;
    struct index_leaf *leaf = x->root;
    if (leaf->n == 0) {
        heap_give(leaf, octets);
        x->root = x->first = NULL;
    } else if (leaf->capacity > LEAF_MIN && leaf->n <= leaf->capacity / 4) {
        unsigned capacity = leaf->capacity / 2u;
        struct index_leaf *smaller = heap_resize(leaf, leaf_octets(capacity), octets);
        if (smaller) {
            smaller->capacity = (uint16_t)capacity;
            x->root = x->first = smaller;
        }
    }
}

bool index_erase(struct index *x, uint32_t key, size_t *octets)
{
    if (!x->root || !erase_below(x, x->root, x->height, key, octets))
        return false;
    shrink_root(x, octets);
    return true;
}

static void release_below(void *node, uint32_t height, size_t *octets)
{
    if (height) {
        struct inner *inner = node;
        for (unsigned i = 0; i < inner->n; i++)
            release_below(inner->children[i], height - 1, octets);
    }
    heap_give(node, octets);
}

void index_release(struct index *x, size_t *octets)
{
    if (x->root)
        release_below(x->root, x->height, octets);
    *x = (struct index){0};
}
