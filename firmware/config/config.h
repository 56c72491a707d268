/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The configuration model: one schema table describes every setting; a configuration is a set of path -> text
 * pairs that differ from the default. Reading and writing libconfig, validation, rendering as CLI commands,
 * diff: all derive from the table. Adding a setting is one row in schema.c and, where a new part of the
 * system must hear of it, one apply function in the daemon that the row names.
 *
 * Paths: "hostname", "registrar.asap.port", "interfaces.eth1.addresses". A part written * in the schema is
 * the key of an entry: "interfaces.*.addresses"; the CLI enters such an entry as a sub-mode. Values are
 * canonical text; lists are separated by one blank; a value of several words ("10.2.0.0/16 10.1.0.254") has
 * its words joined by commas.
 *
 * A key is written in a path, and in the file, in the encoded form: what is not a letter, a digit, - or _
 * (and a first octet that is not a letter) becomes *HH, as "interfaces.eth1*2e100.mtu" for the interface
 * eth1.100.
 *
 * Names: libconfig owns config_read and config_write, so files are loaded and stored here.
 */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum setting_type {
    SETTING_STRING,   /* min..max octets, printable UTF-8 */
    SETTING_WORD,     /* the same without blanks, [A-Za-z0-9._-] */
    SETTING_UNSIGNED, /* min..max; "0x" accepted */
    SETTING_BOOLEAN,  /* "true" / "false"; in the CLI the words alone and `no` */
    SETTING_CHOICE,   /* one of choices */
    SETTING_ADDRESS,  /* IPv4 or IPv6 */
    SETTING_PREFIX,   /* address/length of an interface; "192.0.2.1 255.255.255.0" accepted */
    SETTING_HOSTNAME,
    SETTING_ENDPOINT,  /* address:port, "[v6]:port"; min is the port where the text has none */
    SETTING_ROUTE,     /* "prefix,gateway"; blanks, "via", "default" and a netmask accepted */
    SETTING_SSH_KEY,   /* "ssh-ed25519,AAAA...,comment"; as in a .pub file accepted */
    SETTING_MULTICAST, /* a multicast address */
    SETTING_INTERFACE, /* a network interface's name */
    SETTING_USERNAME,  /* an account's name */
};

enum setting_flag {
    SETTING_LIST = 1 << 0,     /* several values; the CLI command adds one, its `no` form removes one */
    SETTING_SECRET = 1 << 1,   /* kept in the secrets file, shown as ***** */
    SETTING_HASHED = 1 << 2,   /* a password: hashed (yescrypt) before it is stored */
    SETTING_DISRUPTS = 1 << 3, /* a change drops associations or sessions: the CLI says so first */
    SETTING_HEX = 1 << 4,      /* an unsigned number written as 0x0123abcd */
};

enum setting_applier { APPLY_REGISTRARD, APPLY_SYSTEM, APPLY_NETWORK, APPLY_SSH, APPLY_SNMP, APPLY_USERS };

struct setting {
    const char *path; /* "interfaces.*.mtu" */
    enum setting_type type;
    uint8_t flags;
    enum setting_applier applier;
    uint32_t min, max;          /* of the number, or of the length */
    const char *const *choices; /* ended by NULL */
    const char *fallback;       /* default as canonical text; NULL = unset */
    const char *command;        /* CLI words before the value, inside its mode: "ip address" */
    const char *help;           /* one line; the last word of the command's help */
    const char *example;        /* a value, for help that teaches */
};

/* A mode of the CLI's configuration: a fixed branch ("registrar") or an entry ("interfaces.*"). The root mode
 * has path "". */
struct config_mode {
    const char *path;
    const char *command; /* words that enter it: "interface", "registrar", "snmp-server user" */
    const char *prompt;  /* "config-if" */
    const char *help;
    const char
        *key_help; /* entries: what the key is, e.g. "Name of the interface, as eth1"; NULL for a branch */
    enum setting_type key_type; /* SETTING_WORD as a rule */
    uint32_t key_max;           /* octets of a key */
    const char *example;        /* a key, for help that teaches */
};

extern const struct setting config_schema[];
extern const size_t config_schema_rows;
extern const struct config_mode config_modes[];
extern const size_t config_mode_rows;

/* Limits that keep a hostile file or pasted text from growing without end. */
enum {
    CONFIG_PATH_MAX = 256,       /* octets of a path and its NUL */
    CONFIG_VALUE_MAX = 64 << 10, /* octets of a value, a whole list, and its NUL */
    CONFIG_LIST_MAX = 64,        /* values of a list */
    CONFIG_ENTRIES_MAX = 4096,   /* entries of all modes together */
    CONFIG_FILE_MAX = 4 << 20,   /* octets of a file */
    CONFIG_VERSION = 1,          /* of the file's format */
};

/* The row for a concrete path ("interfaces.eth1.mtu"), NULL when there is none. */
const struct setting *config_setting(const char *path);
/* The mode whose path fits the longest prefix of a concrete path. */
const struct config_mode *config_mode_of(const char *path);
/* The mode that a row's command is typed in. */
const struct config_mode *config_setting_mode(const struct setting *row);

/* A key between its plain form ("eth1.100") and the form in a path ("eth1*2e100"). The encoder checks the key
 * by the mode's key_type: ERR_SYNTAX, ERR_TOO_LONG. The decoder takes one part of a path; ERR_SYNTAX. out has
 * CONFIG_PATH_MAX. */
int config_key_encode(const struct config_mode *mode, const char *key, char *out, char *message);
int config_key_decode(const char *part, char *out);

/* Takes the next word, up to a blank, off *text into out (NUL-terminated, cut at capacity); false at the end.
 * Walks the values of a list; out may be NULL to count. */
bool config_word(const char **text, char *out, size_t capacity);

/* --- a configuration
 * ------------------------------------------------------------------------------------------ */

struct config; /* ordered by schema row, then key */

/* Room for any message below: "interfaces.eth1.mtu: 99999 is out of range 68..9216". */
enum { CONFIG_MESSAGE_MAX = 256 };

struct config *config_new(void);
void config_free(struct config *c);
struct config *config_copy(const struct config *c);

/* Checks and stores in canonical form; for SETTING_LIST the whole list. The default value removes the entry.
 * ERR_NOT_FOUND (no such setting), ERR_SYNTAX, ERR_RANGE, ERR_LIMIT; message (CONFIG_MESSAGE_MAX octets) says
 * what and where. */
int config_set(struct config *c, const char *path, const char *text, char *message);
/* Adds to or removes one value from a SETTING_LIST; the value may have its words apart by blanks. Adding what
 * is there is no error, removing what is not is ERR_NOT_FOUND; a setting that is no list is ERR_ARGUMENT. */
int config_add(struct config *c, const char *path, const char *text, char *message);
int config_remove(struct config *c, const char *path, const char *text, char *message);
/* Removes a setting, or an entry or a branch with all below it. An entry may exist with no setting in it:
 * config_enter makes it (and does nothing for the path of a mode's fixed branch). config_set and config_add
 * make it as well. */
int config_unset(struct config *c, const char *path, char *message);
int config_enter(struct config *c, const char *path, char *message);

/* True when the entry exists: entered, or with a setting in it. */
bool config_has_entry(const struct config *c, const char *path);

/* The value, or the default; NULL when unset and without default. Borrowed until the next change. */
const char *config_get(const struct config *c, const char *path);
bool config_boolean(const struct config *c, const char *path);
uint32_t config_unsigned(const struct config *c, const char *path);
/* Keys of the entries under a mode's path, in the form of a path: config_key_next(c, "interfaces", NULL) ...
 * NULL. Natural order: eth2 before eth10. Borrowed until the next change. */
const char *config_key_next(const struct config *c, const char *branch, const char *previous);
/* All settings that differ from the default, in schema order; false at the end. *cursor starts at 0. */
bool config_next(const struct config *c, size_t *cursor, const char **path, const char **value,
                 const struct setting **row);

/* Calls changed() for each path whose value differs between a and b (either may be NULL for "no value"),
 * secrets in plain. First for each entry that only one of them has: row is then NULL, from or to is "". */
void config_diff(const struct config *a, const struct config *b, void *context,
                 void (*changed)(void *context, const char *path, const char *from, const char *to,
                                 const struct setting *row));

/* Checks what one row cannot see alone (two interfaces with one address ...). */
int config_validate(const struct config *c, char *message);

/* --- files
 * ------------------------------------------------------------------------------------------------------ */

/* Reads a libconfig file into c, over what is there. Errors with "startup.conf:12: registrar.asap.port: ..."
 * in message: ERR_NOT_FOUND (no such file, or no such setting), ERR_SYNTAX (also for a file without
 * `version`, which is the last line that is written, so that a file cut short is noticed), ERR_RANGE,
 * ERR_UNSUPPORTED (a newer version). c may then hold a part of the file: load into a new one. */
int config_load(struct config *c, const char *file, char *message);
/* The same from text; name stands for the file in messages. */
int config_load_text(struct config *c, const char *text, size_t length, const char *name, char *message);
/* Writes libconfig atomically: temporary file (FILE.tmp), fsync, rename, fsync of the folder. secrets: write
 * only the SECRET settings (true, mode 0600) or only the others (false, mode 0644). ERR_STORAGE, ERR_MEMORY;
 * FILE is then as before. */
int config_store(const struct config *c, const char *file, bool secrets, char *message);

/* The number of the archive that a configuration was stored as, kept in its files to tell which secrets
 * belong to which settings; 0 for none. */
uint32_t config_archive(const struct config *c);
void config_set_archive(struct config *c, uint32_t number);

/* --- CLI form
 * ---------------------------------------------------------------------------------------------------- */

enum config_render { CONFIG_RENDER_ALL = 1, CONFIG_RENDER_SECRETS = 2 };
/* Commands that paste back into the same configuration; without CONFIG_RENDER_SECRETS secrets appear as
 * *****. */
void config_render(const struct config *c, unsigned flags, FILE *out);

/* Where a line is typed: the mode and the entry's path ("" at the root, "interfaces.eth1"). */
struct config_place {
    const struct config_mode *mode;
    char path[CONFIG_PATH_MAX];
};
struct config_place config_root(void);
/* The place of a path: of a mode's branch or of an entry. ERR_NOT_FOUND. */
int config_place_at(const char *path, struct config_place *place, char *message);

enum config_verb {
    CONFIG_NOTHING, /* an empty line, a comment (!) */
    CONFIG_SET,
    CONFIG_ADD,
    CONFIG_REMOVE,
    CONFIG_UNSET,
    CONFIG_ENTER, /* make the entry if it is not there, and go to its mode */
    CONFIG_LEAVE, /* exit, end: only the place changes */
};

/* What a line asks for. value points into the line or is a constant. */
struct config_action {
    enum config_verb verb;
    char path[CONFIG_PATH_MAX];
    const char *value;
    struct config_place place; /* after the action */
};

/* Understands one configuration line: words in full, `no` and `default` before a command, `exit`, `end`, `!`.
 * A command that the mode does not have is looked for at the root, as IOS does. Values are not checked:
 * config_execute does. ERR_SYNTAX. */
int config_parse_command(const struct config_place *at, const char *line, struct config_action *action,
                         char *message);
int config_execute(struct config *c, const struct config_action *action, char *message);
/* Both in one, and moves *at. On an error nothing is changed. */
int config_command(struct config *c, struct config_place *at, const char *line, char *message);

#endif
