/* SPDX-License-Identifier: BSD-3-Clause */
/* A configuration in memory: two sorted arrays, of values by schema row and key, and of entries. */
#include "base/address.h"
#include "base/error.h"
#include "config/internal.h"

#include <stdlib.h>
#include <string.h>

struct item {
    const struct setting *row;
    char *path;
    char *value;
};

struct config {
    struct item *items; /* by row, then by path */
    size_t n_items;
    struct entry *entries; /* by mode, then by path */
    size_t n_entries;
    uint32_t archive;
};

struct config *config_new(void)
{
    return calloc(1, sizeof(struct config));
}

static void item_clear(struct item *i)
{
    if (i->value && i->row->flags & SETTING_SECRET)
        explicit_bzero(i->value, strlen(i->value));
    free(i->path);
    free(i->value);
}

void config_free(struct config *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_items; i++)
        item_clear(&c->items[i]);
    for (size_t i = 0; i < c->n_entries; i++)
        free(c->entries[i].path);
    free(c->items);
    free(c->entries);
    free(c);
}

/* Room in an array of n: the next power of two, so that n pastes cost n log n copies at most. */
static size_t capacity_of(size_t n)
{
    size_t capacity = 1;
    while (capacity < n)
        capacity *= 2;
    return capacity;
}

struct config *config_copy(const struct config *c)
{
    struct config *copy = config_new();

    if (!copy || !(copy->items = calloc(capacity_of(c->n_items), sizeof *copy->items)) ||
        !(copy->entries = calloc(capacity_of(c->n_entries), sizeof *copy->entries)))
        goto fail;
    copy->archive = c->archive;
    for (; copy->n_items < c->n_items; copy->n_items++) {
        struct item *to = &copy->items[copy->n_items], *from = &c->items[copy->n_items];
        *to = (struct item){from->row, strdup(from->path), strdup(from->value)};
        if (!to->path || !to->value) {
            item_clear(to);
            goto fail;
        }
    }
    for (; copy->n_entries < c->n_entries; copy->n_entries++) {
        struct entry *to = &copy->entries[copy->n_entries], *from = &c->entries[copy->n_entries];
        *to = (struct entry){from->mode, strdup(from->path)};
        if (!to->path)
            goto fail;
    }
    return copy;
fail:
    config_free(copy);
    return NULL;
}

uint32_t config_archive(const struct config *c)
{
    return c->archive;
}

void config_set_archive(struct config *c, uint32_t number)
{
    c->archive = number;
}

/* --- the sorted arrays
 * --------------------------------------------------------------------------------------------- */

static int order(const void *row_a, const char *path_a, const void *row_b, const char *path_b)
{
    return row_a != row_b ? (row_a < row_b ? -1 : 1) : strverscmp(path_a, path_b);
}

/* The place of row and path, or where it would be; *found says which. */
static size_t item_place(const struct config *c, const struct setting *row, const char *path, bool *found)
{
    size_t low = 0, high = c->n_items;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int o = order(row, path, c->items[middle].row, c->items[middle].path);
        if (o == 0) {
            *found = true;
            return middle;
        }
        if (o < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t entry_place(const struct config *c, const struct config_mode *mode, const char *path,
                          bool *found)
{
    size_t low = 0, high = c->n_entries;

    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int o = order(mode, path, c->entries[middle].mode, c->entries[middle].path);
        if (o == 0) {
            *found = true;
            return middle;
        }
        if (o < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Makes room for one more at place. */
static void *make_room(void *array, size_t n, size_t place, size_t size)
{
    if ((n == 0 || n == capacity_of(n)) && !(array = reallocarray(array, capacity_of(n + 1), size)))
        return NULL;
    memmove((char *)array + (place + 1) * size, (char *)array + place * size, (n - place) * size);
    return array;
}

static int item_store(struct config *c, const struct setting *row, const char *path, const char *value)
{
    bool found;
    size_t place = item_place(c, row, path, &found);
    char *copy = strdup(value), *path_copy = found ? NULL : strdup(path);
    struct item *items = copy && (found || path_copy) ? c->items : NULL;

    if (!copy || (!found && !path_copy))
        goto fail;
    if (found) {
        path_copy = c->items[place].path;
        c->items[place].path = NULL;
        item_clear(&c->items[place]);
    } else {
        if (!(items = make_room(c->items, c->n_items, place, sizeof *items)))
            goto fail;
        c->items = items;
        c->n_items++;
    }
    c->items[place] = (struct item){row, path_copy, copy};
    return 0;
fail:
    free(copy);
    free(path_copy);
    return ERR_MEMORY;
}

static void item_remove(struct config *c, size_t place)
{
    item_clear(&c->items[place]);
    memmove(&c->items[place], &c->items[place + 1], (c->n_items - place - 1) * sizeof *c->items);
    c->n_items--;
}

static void entry_remove(struct config *c, size_t place)
{
    free(c->entries[place].path);
    memmove(&c->entries[place], &c->entries[place + 1], (c->n_entries - place - 1) * sizeof *c->entries);
    c->n_entries--;
}

const struct entry *config_entries(const struct config *c, size_t *count)
{
    *count = c->n_entries;
    return c->entries;
}

/* --- entries
 * ------------------------------------------------------------------------------------------------------- */

int config_enter(struct config *c, const char *path, char *message)
{
    const struct config_mode *mode = path_entry_mode(path);
    const char *part = path, *reason;
    char key[CONFIG_PATH_MAX];
    bool found;

    if (!mode) {
        if (path_is_branch(path) && config_mode_of(path)->path[0])
            return 0;
        return config_say(message, ERR_NOT_FOUND, path, "there is no such mode");
    }
    path_fits(mode->path, path, &part, NULL);
    if (strlen(path) >= CONFIG_PATH_MAX || config_key_decode(part, key) != 0)
        return config_say(message, ERR_SYNTAX, path, "the name is not in its encoded form");
    if (!value_key_fits(mode->key_type, key, &reason) || strlen(key) > mode->key_max)
        return config_say(message, ERR_SYNTAX, path, "'%.64s' %s", key,
                          strlen(key) > mode->key_max ? "is too long a name" : reason);
    size_t place = entry_place(c, mode, path, &found);
    if (found)
        return 0;
    if (c->n_entries >= CONFIG_ENTRIES_MAX)
        return config_say(message, ERR_LIMIT, path, "there are %d entries already", CONFIG_ENTRIES_MAX);
    char *copy = strdup(path);
    struct entry *entries = copy ? make_room(c->entries, c->n_entries, place, sizeof *entries) : NULL;
    if (!entries) {
        free(copy);
        return config_say(message, ERR_MEMORY, path, "%s", error_text(ERR_MEMORY));
    }
    c->entries = entries;
    c->entries[place] = (struct entry){mode, copy};
    c->n_entries++;
    return 0;
}

bool config_has_entry(const struct config *c, const char *path)
{
    const struct config_mode *mode = path_entry_mode(path);
    bool found = false;

    if (mode)
        entry_place(c, mode, path, &found);
    return found;
}

const char *config_key_next(const struct config *c, const char *branch, const char *previous)
{
    size_t n = strlen(branch);
    bool passed = previous == NULL;

    for (size_t i = 0; i < c->n_entries; i++) {
        const char *path = c->entries[i].path;
        if (strncmp(path, branch, n) != 0 || path[n] != '.' || strchr(path + n + 1, '.'))
            continue;
        if (passed)
            return path + n + 1;
        passed = strcmp(path + n + 1, previous) == 0;
    }
    return NULL;
}

/* --- settings
 * ------------------------------------------------------------------------------------------------------ */

static const struct setting *row_of(const char *path, char *message)
{
    const struct setting *row = strlen(path) < CONFIG_PATH_MAX ? config_setting(path) : NULL;
    if (!row)
        config_say(message, ERR_NOT_FOUND, path, "there is no such setting");
    return row;
}

/* The entry that a setting is in, made if need be. */
static int enter_for(struct config *c, const struct setting *row, const char *path, char *message)
{
    const char *part = NULL;
    size_t length = 0;
    char entry[CONFIG_PATH_MAX];

    path_fits(row->path, path, &part, &length);
    if (!part)
        return 0;
    size_t n = (size_t)(part - path) + length;
    memcpy(entry, path, n);
    entry[n] = '\0';
    return config_enter(c, entry, message);
}

/* Stores canonical text; the default, or nothing, is not stored. */
static int store(struct config *c, const struct setting *row, const char *path, const char *value,
                 char *message)
{
    bool found;
    int rc = enter_for(c, row, path, message);

    if (rc != 0)
        return rc;
    if (*value == '\0' || (row->fallback && strcmp(value, row->fallback) == 0)) {
        size_t place = item_place(c, row, path, &found);
        if (found)
            item_remove(c, place);
        return 0;
    }
    rc = item_store(c, row, path, value);
    return rc == 0 ? 0 : config_say(message, rc, path, "%s", error_text(rc));
}

static bool list_has(const char *list, const char *value, size_t *count)
{
    char word[VALUE_ONE_MAX];
    bool has = false;

    *count = 0;
    while (config_word(&list, word, sizeof word)) {
        has = has || strcmp(word, value) == 0;
        ++*count;
    }
    return has;
}

/* Appends one canonical value to a list of CONFIG_VALUE_MAX octets; a value that is there already is not an
 * error. */
static int list_append(char *list, const char *path, const char *value, char *message)
{
    size_t count, n = strlen(list);

    if (list_has(list, value, &count))
        return 0;
    if (count >= CONFIG_LIST_MAX)
        return config_say(message, ERR_LIMIT, path, "there are %d values already", CONFIG_LIST_MAX);
    if (n + strlen(value) + 2 > CONFIG_VALUE_MAX)
        return config_say(message, ERR_LIMIT, path, "the list is longer than %d octets",
                          CONFIG_VALUE_MAX - 1);
    if (n > 0)
        list[n++] = ' ';
    strcpy(list + n, value);
    return 0;
}

static int set_list(struct config *c, const struct setting *row, const char *path, const char *text,
                    char *message)
{
    char word[VALUE_ONE_MAX], value[VALUE_ONE_MAX];
    char *list = calloc(1, CONFIG_VALUE_MAX);
    int rc = list ? 0 : config_say(message, ERR_MEMORY, path, "%s", error_text(ERR_MEMORY));

    while (rc == 0 && config_word(&text, word, sizeof word)) {
        rc = value_normalise(row, path, word, value, message);
        if (rc == 0)
            rc = list_append(list, path, value, message);
    }
    if (rc == 0)
        rc = store(c, row, path, list, message);
    free(list);
    return rc;
}

int config_set(struct config *c, const char *path, const char *text, char *message)
{
    const struct setting *row = row_of(path, message);
    char value[VALUE_ONE_MAX];

    if (!row)
        return ERR_NOT_FOUND;
    if (row->flags & SETTING_LIST)
        return set_list(c, row, path, text, message);
    int rc = value_normalise(row, path, text, value, message);
    if (rc == 0)
        rc = store(c, row, path, value, message);
    explicit_bzero(value, sizeof value);
    return rc;
}

/* The row of a list, or NULL and the error. */
static const struct setting *list_row(const char *path, char *message, int *rc)
{
    const struct setting *row = row_of(path, message);

    *rc = row ? 0 : ERR_NOT_FOUND;
    if (row && !(row->flags & SETTING_LIST)) {
        *rc = config_say(message, ERR_ARGUMENT, path, "is one value, not a list: set it");
        row = NULL;
    }
    return row;
}

int config_add(struct config *c, const char *path, const char *text, char *message)
{
    char value[VALUE_ONE_MAX];
    int rc;
    const struct setting *row = list_row(path, message, &rc);

    if (!row || (rc = value_normalise(row, path, text, value, message)) != 0)
        return rc;
    const char *now = config_get(c, path);
    char *list = calloc(1, CONFIG_VALUE_MAX);
    if (!list)
        return config_say(message, ERR_MEMORY, path, "%s", error_text(ERR_MEMORY));
    strcpy(list, now ? now : "");
    rc = list_append(list, path, value, message);
    if (rc == 0)
        rc = store(c, row, path, list, message);
    free(list);
    return rc;
}

int config_remove(struct config *c, const char *path, const char *text, char *message)
{
    char value[VALUE_ONE_MAX], word[VALUE_ONE_MAX];
    size_t count, n = 0;
    int rc;
    const struct setting *row = list_row(path, message, &rc);

    if (!row || (rc = value_normalise(row, path, text, value, message)) != 0)
        return rc;
    const char *now = config_get(c, path);
    if (!now || !list_has(now, value, &count))
        return config_say(message, ERR_NOT_FOUND, path, "'%.60s' is not in the list", value);
    char *list = calloc(1, CONFIG_VALUE_MAX);
    if (!list)
        return config_say(message, ERR_MEMORY, path, "%s", error_text(ERR_MEMORY));
    while (config_word(&now, word, sizeof word))
        if (strcmp(word, value) != 0) {
            if (n > 0)
                list[n++] = ' ';
            strcpy(list + n, word);
            n += strlen(word);
        }
    rc = store(c, row, path, list, message);
    free(list);
    return rc;
}

int config_unset(struct config *c, const char *path, char *message)
{
    const struct config_mode *mode = path_entry_mode(path);

    if (!config_setting(path) && !path_is_branch(path))
        return config_say(message, ERR_NOT_FOUND, path, "there is no such setting");
    if (mode && !config_has_entry(c, path))
        return config_say(message, ERR_NOT_FOUND, path, "there is no such entry");
    for (size_t i = c->n_items; i-- > 0;)
        if (path_is_below(c->items[i].path, path))
            item_remove(c, i);
    for (size_t i = c->n_entries; i-- > 0;)
        if (path_is_below(c->entries[i].path, path))
            entry_remove(c, i);
    return 0;
}

const char *config_get(const struct config *c, const char *path)
{
    const struct setting *row = config_setting(path);
    bool found;

    if (!row)
        return NULL;
    size_t place = item_place(c, row, path, &found);
    return found ? c->items[place].value : row->fallback;
}

bool config_boolean(const struct config *c, const char *path)
{
    const char *value = config_get(c, path);
    return value && strcmp(value, "true") == 0;
}

uint32_t config_unsigned(const struct config *c, const char *path)
{
    const char *value = config_get(c, path);
    return value ? (uint32_t)strtoul(value, NULL, value[0] == '0' && value[1] == 'x' ? 16 : 10) : 0;
}

bool config_next(const struct config *c, size_t *cursor, const char **path, const char **value,
                 const struct setting **row)
{
    if (*cursor >= c->n_items)
        return false;
    const struct item *i = &c->items[(*cursor)++];
    *path = i->path;
    *value = i->value;
    *row = i->row;
    return true;
}

/* --- whole configurations
 * ------------------------------------------------------------------------------------------ */

typedef void (*changed_fn)(void *context, const char *path, const char *from, const char *to,
                           const struct setting *row);

static void diff_entries(const struct config *a, const struct config *b, void *context, changed_fn changed)
{
    for (size_t i = 0, k = 0; i < a->n_entries || k < b->n_entries;) {
        const struct entry *x = i < a->n_entries ? &a->entries[i] : NULL,
                           *y = k < b->n_entries ? &b->entries[k] : NULL;
        int o = !x ? 1 : !y ? -1 : order(x->mode, x->path, y->mode, y->path);
        if (o < 0)
            changed(context, x->path, "", NULL, NULL);
        else if (o > 0)
            changed(context, y->path, NULL, "", NULL);
        i += o <= 0;
        k += o >= 0;
    }
}

void config_diff(const struct config *a, const struct config *b, void *context, changed_fn changed)
{
    diff_entries(a, b, context, changed);
    for (size_t i = 0, k = 0; i < a->n_items || k < b->n_items;) {
        const struct item *x = i < a->n_items ? &a->items[i] : NULL,
                          *y = k < b->n_items ? &b->items[k] : NULL;
        int o = !x ? 1 : !y ? -1 : order(x->row, x->path, y->row, y->path);
        if (o < 0)
            changed(context, x->path, x->value, NULL, x->row);
        else if (o > 0)
            changed(context, y->path, NULL, y->value, y->row);
        else if (strcmp(x->value, y->value) != 0)
            changed(context, x->path, x->value, y->value, x->row);
        i += o <= 0;
        k += o >= 0;
    }
}

/* The interface, other than those before `after`, that has the address of a prefix; NULL when none. */
static const struct item *owner_of(const struct config *c, const char *prefix, const struct item *after)
{
    size_t n = strcspn(prefix, "/");
    char word[ADDRESS_TEXT_MAX];

    for (const struct item *i = after + 1; i < c->items + c->n_items && i->row == after->row; i++)
        for (const char *list = i->value; config_word(&list, word, sizeof word);)
            if (strncmp(word, prefix, n) == 0 && word[n] == '/')
                return i;
    return NULL;
}

int config_validate(const struct config *c, char *message)
{
    char word[ADDRESS_TEXT_MAX];

    for (size_t k = 0; k < c->n_items; k++) {
        const struct item *i = &c->items[k];
        if (i->row->type != SETTING_PREFIX)
            continue;
        for (const char *list = i->value; config_word(&list, word, sizeof word);) {
            const struct item *other = owner_of(c, word, i);
            if (other)
                return config_say(message, ERR_EXISTS, other->path, "%s is an address of %s too", word,
                                  i->path);
        }
    }
    return 0;
}
