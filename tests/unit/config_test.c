/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration model: each row of the schema set, read, shown, stored and unset; files that are wrong;
 * disks that are full. */
#include "base/error.h"
#include "config/config.h"
#include "tests/unit/unit.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char message[CONFIG_MESSAGE_MAX];

/* A folder of this test alone. */
static const char *scratch(void)
{
    static char folder[] = "/tmp/config_test.XXXXXX";
    static bool made;
    if (!made && !mkdtemp(folder))
        abort();
    made = true;
    return folder;
}

static const char *scratch_file(const char *name)
{
    static char path[8][512];
    static unsigned turn;
    char *out = path[turn++ % 8];
    snprintf(out, sizeof path[0], "%s/%s", scratch(), name);
    return out;
}

static void concrete_path(const char *pattern, char out[CONFIG_PATH_MAX])
{
    const char *star = strchr(pattern, '*');
    if (star)
        snprintf(out, CONFIG_PATH_MAX, "%.*sann%s", (int)(star - pattern), pattern, star + 1);
    else
        snprintf(out, CONFIG_PATH_MAX, "%s", pattern);
}

/* A value of the row's type that is not the default; NULL where the row allows the default only. */
static const char *other_value(const struct setting *row)
{
    static char text[32];

    switch (row->type) {
    case SETTING_BOOLEAN:
        return row->fallback && strcmp(row->fallback, "true") == 0 ? "false" : "true";
    case SETTING_UNSIGNED:
        snprintf(text, sizeof text, row->flags & SETTING_HEX ? "0x%08x" : "%u", row->max);
        return text;
    case SETTING_CHOICE:
        for (const char *const *c = row->choices; *c; c++)
            if (!row->fallback || strcmp(*c, row->fallback) != 0)
                return *c;
        return NULL;
    case SETTING_MULTICAST:
        return "ff05::50";
    default:
        return row->example;
    }
}

static char *rendered(const struct config *c, unsigned flags)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    config_render(c, flags, f);
    fclose(f);
    return text;
}

static void count_change(void *context, const char *path, const char *from, const char *to,
                         const struct setting *row)
{
    (void)path;
    (void)from;
    (void)to;
    (void)row;
    ++*(unsigned *)context;
}

static bool same(const struct config *a, const struct config *b)
{
    unsigned n = 0;
    config_diff(a, b, &n, count_change);
    return n == 0;
}

/* Executes a text of commands, as a paste does. */
static int paste(struct config *c, const char *text)
{
    struct config_place place = config_root();
    char *copy = strdup(text), *rest = copy, *line;
    int rc = 0;

    while (rc == 0 && (line = strsep(&rest, "\n")))
        rc = config_command(c, &place, line, message);
    free(copy);
    return rc;
}

static struct config *everything(void)
{
    struct config *c = config_new();
    char path[CONFIG_PATH_MAX];

    for (size_t i = 0; i < config_schema_rows; i++) {
        const struct setting *row = &config_schema[i];
        const char *value = other_value(row);
        concrete_path(row->path, path);
        if (value)
            CU_ASSERT_EQUAL(row->flags & SETTING_LIST ? config_add(c, path, value, message)
                                                      : config_set(c, path, value, message),
                            0);
    }
    return c;
}

static void schema_is_sound(void)
{
    for (size_t i = 0; i < config_schema_rows; i++) {
        const struct setting *row = &config_schema[i];
        const char *star = strchr(row->path, '*');
        char path[CONFIG_PATH_MAX];
        struct config *c = config_new();

        concrete_path(row->path, path);
        CU_ASSERT_PTR_EQUAL(config_setting(path), row);
        CU_ASSERT(row->command && *row->command && row->help && *row->help && row->example && *row->example);
        CU_ASSERT_FALSE(star && strchr(star + 1, '*')); /* one key a path */
        CU_ASSERT_FALSE(row->flags & SETTING_LIST &&
                        row->type == SETTING_STRING); /* its blanks would separate */
        CU_ASSERT_FALSE(row->flags & SETTING_LIST && row->flags & SETTING_SECRET);
        CU_ASSERT_FALSE(row->flags & SETTING_LIST && row->fallback);
        CU_ASSERT_FALSE(row->type == SETTING_BOOLEAN && !row->fallback);
        CU_ASSERT_EQUAL(config_add(c, path, row->example, message),
                        row->flags & SETTING_LIST ? 0 : ERR_ARGUMENT);
        if (!(row->flags & SETTING_LIST))
            CU_ASSERT_EQUAL(config_set(c, path, row->example, message), 0);
        if (row->fallback) { /* canonical: setting it leaves nothing */
            size_t cursor = 0;
            const char *p, *v;
            const struct setting *r;
            CU_ASSERT_EQUAL(config_set(c, path, row->fallback, message), 0);
            CU_ASSERT_FALSE(config_next(c, &cursor, &p, &v, &r));
        }
        for (size_t k = 0; k < i; k++) /* a command means one thing in its mode */
            CU_ASSERT_FALSE(config_setting_mode(row) == config_setting_mode(&config_schema[k]) &&
                            strcmp(row->command, config_schema[k].command) == 0);
        config_free(c);
    }
}

static void every_setting_is_set_shown_stored_and_unset(void)
{
    for (size_t i = 0; i < config_schema_rows; i++) {
        const struct setting *row = &config_schema[i];
        struct config *c = config_new(), *pasted = config_new(), *loaded = config_new(), *bare = config_new();
        const char *value = other_value(row), *file = scratch_file("one.conf");
        char path[CONFIG_PATH_MAX];
        bool secret = row->flags & SETTING_SECRET;

        concrete_path(row->path, path);
        if (value) {
            int rc = row->flags & SETTING_LIST ? config_add(c, path, value, message)
                                               : config_set(c, path, value, message);
            CU_ASSERT_EQUAL(rc, 0);
            CU_ASSERT_PTR_NOT_NULL(config_get(c, path));
            CU_ASSERT_STRING_NOT_EQUAL(config_get(c, path), row->fallback ? row->fallback : "");
            char *text = rendered(c, CONFIG_RENDER_SECRETS);
            CU_ASSERT_EQUAL(paste(pasted, text), 0);
            CU_ASSERT(same(c, pasted));
            free(text);

            CU_ASSERT_EQUAL(config_store(c, file, secret, message), 0);
            CU_ASSERT_EQUAL(config_load(loaded, file, message), 0);
            CU_ASSERT(same(c, loaded));
            CU_ASSERT_EQUAL(config_store(c, file, !secret, message),
                            0); /* the other file knows nothing of it */
            config_free(loaded);
            loaded = config_new();
            CU_ASSERT_EQUAL(config_load(loaded, file, message), 0);
            CU_ASSERT_EQUAL(config_get(loaded, path), row->fallback);

            CU_ASSERT_EQUAL(config_unset(c, path, message), 0);
        }
        CU_ASSERT_EQUAL(config_get(c, path), row->fallback);
        if (strchr(row->path, '*') && value) {
            *strrchr(path, '.') = '\0'; /* the entry stays when its settings go */
            CU_ASSERT_EQUAL(config_unset(c, path, message), 0);
        }
        CU_ASSERT(same(c, bare));
        config_free(c);
        config_free(pasted);
        config_free(loaded);
        config_free(bare);
    }
}

static void the_whole_configuration_pastes_back(void)
{
    struct config *c = everything(), *pasted = config_new();
    for (unsigned flags = CONFIG_RENDER_SECRETS; flags <= (CONFIG_RENDER_SECRETS | CONFIG_RENDER_ALL);
         flags++) {
        if (!(flags & CONFIG_RENDER_SECRETS))
            continue;
        char *text = rendered(c, flags);
        CU_ASSERT_EQUAL(paste(pasted, text), 0);
        CU_ASSERT(same(c, pasted));
        free(text);
    }
    config_free(c);
    config_free(pasted);
}

static void the_default_configuration_shows_nothing_but_shows_all_when_asked(void)
{
    struct config *c = config_new();
    char *brief = rendered(c, 0), *all = rendered(c, CONFIG_RENDER_ALL);
    CU_ASSERT_STRING_EQUAL(brief, "");
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "registrar\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, " asap port 3863\n"));
    CU_ASSERT_PTR_NOT_NULL(strstr(all, "no ssh server\n"));
    CU_ASSERT_EQUAL(paste(c, all), 0);
    CU_ASSERT_STRING_EQUAL(config_get(c, "registrar.asap.port"), "3863");
    free(brief);
    free(all);
    config_free(c);
}

static void secrets_are_masked_and_a_mask_is_never_stored(void)
{
    struct config *c = everything();
    char *text = rendered(c, CONFIG_RENDER_ALL);
    CU_ASSERT_PTR_NULL(strstr(text, "$y$"));
    CU_ASSERT_PTR_NULL(strstr(text, "tangled"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, " auth-key *****\n"));
    CU_ASSERT_EQUAL(paste(c, text), ERR_SYNTAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "mask"));
    CU_ASSERT_EQUAL(config_set(c, "users.ann.password", "short", message), ERR_RANGE);
    CU_ASSERT_PTR_NULL(strstr(message, "short"));
    free(text);
    config_free(c);
}

static void passwords_are_stored_as_yescrypt(void)
{
    struct config *c = config_new();
    char hash[256];

    CU_ASSERT_EQUAL(config_set(c, "users.ann.password", "correct horse", message), 0);
    snprintf(hash, sizeof hash, "%s", config_get(c, "users.ann.password"));
    CU_ASSERT_EQUAL(strncmp(hash, "$y$", 3), 0);
    CU_ASSERT_EQUAL(config_set(c, "users.bob.password", hash, message), 0); /* a hash is not hashed again */
    CU_ASSERT_STRING_EQUAL(config_get(c, "users.bob.password"), hash);
    config_free(c);
}

static void values_become_canonical(void)
{
    static const struct {
        const char *path, *text, *canonical;
    } cases[] = {
        {"registrar.asap.port", "0x0f17", "3863"}, /* the default: not stored */
        {"registrar.asap.port", "04000", "4000"},
        {"registrar.identifier", "1", "0x00000001"},
        {"registrar.identifier", "0xFFFFFFFF", "0xffffffff"},
        {"interfaces.eth1.addresses", "10.1.0.1 255.255.255.0", "10.1.0.1/24"},
        {"interfaces.eth1.addresses", "2001:DB8:0::1/64", "2001:db8::1/64"},
        {"routes", "10.2.3.4/16 10.1.0.254", "10.2.0.0/16,10.1.0.254"},
        {"routes", "10.2.0.0 255.255.0.0 10.1.0.254", "10.2.0.0/16,10.1.0.254"},
        {"routes", "10.2.0.0/16 via 10.1.0.254", "10.2.0.0/16,10.1.0.254"},
        {"routes", "default 10.1.0.254", "0.0.0.0/0,10.1.0.254"},
        {"routes", "default fe80::1", "::/0,fe80::1"},
        {"registrar.peers", "10.1.0.2", "10.1.0.2:9901"},
        {"registrar.peers", "[2001:db8::2]:77", "[2001:db8::2]:77"},
        {"registrar.peers", "2001:db8::2", "[2001:db8::2]:9901"},
        {"snmp.location", "  Hall  3\t", "Hall  3"},
        {"snmp.location", "H\xc3\xbctte", "H\xc3\xbctte"},
        {"users.ann.ssh-keys",
         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdw4f0Qd1XgqDGlLRVOJBTsPVvWJyn9yNpZnGDvmvPb ann b, c",
         "ssh-ed25519,AAAAC3NzaC1lZDI1NTE5AAAAIAdw4f0Qd1XgqDGlLRVOJBTsPVvWJyn9yNpZnGDvmvPb,ann_b__c"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *c = config_new();
        bool list = config_setting(cases[i].path)->flags & SETTING_LIST;
        int rc = list ? config_add(c, cases[i].path, cases[i].text, message)
                      : config_set(c, cases[i].path, cases[i].text, message);
        CU_ASSERT_EQUAL(rc, 0);
        CU_ASSERT_STRING_EQUAL(rc == 0 ? config_get(c, cases[i].path) : message, cases[i].canonical);
        if (list) { /* the canonical form is a fixed point */
            CU_ASSERT_EQUAL(config_set(c, cases[i].path, cases[i].canonical, message), 0);
            CU_ASSERT_STRING_EQUAL(config_get(c, cases[i].path), cases[i].canonical);
        }
        config_free(c);
    }
}

static void wrong_values_are_refused_with_path_and_reason(void)
{
    static const struct {
        const char *path, *text;
        int code;
        const char *says;
    } cases[] = {
        {"interfaces.eth1.mtu", "99999", ERR_RANGE, "interfaces.eth1.mtu: '99999' is out of range 68..9216"},
        {"interfaces.eth1.mtu", "99999999999999999999999", ERR_RANGE, "out of range"},
        {"interfaces.eth1.mtu", "-1", ERR_SYNTAX, "interfaces.eth1.mtu: '-1' is not a number"},
        {"interfaces.eth1.mtu", "0x", ERR_SYNTAX, "is not a number"},
        {"interfaces.eth1.mtu", "1500 9000", ERR_SYNTAX, "one value is expected, as 1500"},
        {"interfaces.eth1.mtu", "", ERR_SYNTAX, "a value is missing, as 1500"},
        {"interfaces.eth1.color", "blue", ERR_NOT_FOUND, "interfaces.eth1.color: there is no such setting"},
        {"interfaces.eth1", "x", ERR_NOT_FOUND, "there is no such setting"},
        {"interfaces..mtu", "1500", ERR_NOT_FOUND, "there is no such setting"},
        {"interfaces.1eth.mtu", "1500", ERR_SYNTAX, "encoded form"},
        {"interfaces.eth*2E1.mtu", "1500", ERR_SYNTAX, "encoded form"},
        {"interfaces.eth*61.mtu", "1500", ERR_SYNTAX, "encoded form"},
        {"interfaces.much-too-long-name.mtu", "1500", ERR_SYNTAX, "too long a name"},
        {"interfaces.a*2fb.mtu", "1500", ERR_SYNTAX, "is not a name"},
        {"users.Ann.level", "1", ERR_SYNTAX, "small letters"},
        {"users.ann.level", "2", ERR_SYNTAX, "users.ann.level: '2' is not one of 1, 15"},
        {"users.ann.password", "short", ERR_RANGE,
         "users.ann.password: the secret has 5 octets, which is out of range 8..128"},
        {"users.ann.ssh-keys", "hello", ERR_SYNTAX, "type of key"},
        {"users.ann.ssh-keys", "ssh-ed25519,AAAAC3NzaC1lZDI1", ERR_SYNTAX, "not a whole key"},
        {"users.ann.ssh-keys", "ssh-rsa,AAAAC3NzaC1lZDI1NTE5AAAAIAdw4f0Qd1XgqDGlLRVOJBTsPVvWJyn9yNpZnGDvmvPb",
         ERR_SYNTAX, "not a whole key"},
        {"ssh.enabled", "yes", ERR_SYNTAX, "ssh.enabled: 'yes' is neither true nor false"},
        {"hostname", "a_b", ERR_SYNTAX, "hostname: 'a_b' is not a host name"},
        {"hostname", "-a", ERR_SYNTAX, "is not a host name"},
        {"hostname", "a-", ERR_SYNTAX, "is not a host name"},
        {"hostname", "a..b", ERR_SYNTAX, "is not a host name"},
        {"hostname", "a123456789a123456789a123456789a123456789a123456789a123456789a1234", ERR_RANGE,
         "63 octets"},
        {"registrar.asap.addresses", "10.1.0.300", ERR_SYNTAX, "is not an IPv4 or IPv6 address"},
        {"registrar.asap.addresses", "0.0.0.0", ERR_RANGE, "one host"},
        {"registrar.asap.announce.address", "10.0.0.1", ERR_RANGE, "is not a multicast address"},
        {"interfaces.eth1.addresses", "10.1.0.1", ERR_RANGE, "no prefix length of 0..32"},
        {"interfaces.eth1.addresses", "10.1.0.1/33", ERR_RANGE, "no prefix length"},
        {"interfaces.eth1.addresses", "10.1.0.1/", ERR_RANGE, "no prefix length"},
        {"interfaces.eth1.addresses", "224.0.0.1/24", ERR_RANGE, "one host"},
        {"routes", "10.2.0.0/16", ERR_SYNTAX, "no gateway"},
        {"routes", "10.2.0.0/16,fe80::1", ERR_SYNTAX, "mixes"},
        {"registrar.peers", "10.1.0.2:0", ERR_RANGE, "port out of range"},
        {"registrar.peers", "10.1.0.2:x", ERR_RANGE, "port out of range"},
        {"registrar.peers", "[::1", ERR_SYNTAX, "is not address:port"},
        {"snmp.location", "a\x01z", ERR_SYNTAX, "printable UTF-8"},
        {"snmp.location", "a\xff", ERR_SYNTAX, "printable UTF-8"},
        {"snmp.location", "a\xc0\xaf", ERR_SYNTAX, "printable UTF-8"},
        {"snmp.location", "a\xed\xa0\x80", ERR_SYNTAX, "printable UTF-8"},
    };
    struct config *c = config_new(), *bare = config_new();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CU_ASSERT_EQUAL(config_set(c, cases[i].path, cases[i].text, message), cases[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(message, cases[i].says));
        if (!strstr(message, cases[i].says))
            printf("\n  %s = %s: %s\n", cases[i].path, cases[i].text, message);
        for (const char *m = message; *m; m++)
            CU_ASSERT_FALSE(iscntrl((unsigned char)*m));
        CU_ASSERT(same(c, bare));
    }
    config_free(c);
    config_free(bare);
}

static void lists_grow_shrink_and_have_a_limit(void)
{
    struct config *c = config_new();
    char text[64];

    CU_ASSERT_EQUAL(config_add(c, "registrar.asap.addresses", "10.1.0.1", message), 0);
    CU_ASSERT_EQUAL(config_add(c, "registrar.asap.addresses", "10.1.0.2", message), 0);
    CU_ASSERT_EQUAL(config_add(c, "registrar.asap.addresses", "10.1.0.1", message), 0);
    CU_ASSERT_STRING_EQUAL(config_get(c, "registrar.asap.addresses"), "10.1.0.1 10.1.0.2");
    CU_ASSERT_EQUAL(config_remove(c, "registrar.asap.addresses", "10.1.0.1", message), 0);
    CU_ASSERT_STRING_EQUAL(config_get(c, "registrar.asap.addresses"), "10.1.0.2");
    CU_ASSERT_EQUAL(config_remove(c, "registrar.asap.addresses", "10.1.0.1", message), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(config_remove(c, "registrar.asap.addresses", "10.1.0.2", message), 0);
    CU_ASSERT_PTR_NULL(config_get(c, "registrar.asap.addresses"));
    CU_ASSERT_EQUAL(config_add(c, "registrar.asap.port", "1", message), ERR_ARGUMENT);
    for (int i = 0; i < CONFIG_LIST_MAX; i++) {
        snprintf(text, sizeof text, "10.2.0.%d", i + 1);
        CU_ASSERT_EQUAL(config_add(c, "registrar.asap.addresses", text, message), 0);
    }
    CU_ASSERT_EQUAL(config_add(c, "registrar.asap.addresses", "10.3.0.1", message), ERR_LIMIT);
    for (int i = 0; i <= CONFIG_ENTRIES_MAX; i++) {
        snprintf(text, sizeof text, "interfaces.e%d", i);
        CU_ASSERT_EQUAL(config_enter(c, text, message), i < CONFIG_ENTRIES_MAX ? 0 : ERR_LIMIT);
    }
    config_free(c);
}

static void entries_have_natural_order_and_may_be_empty(void)
{
    struct config *c = config_new(), *loaded = config_new();
    const char *key = NULL, *want[] = {"eth1", "eth1*2e100", "eth2", "eth10"};

    CU_ASSERT_EQUAL(config_enter(c, "interfaces.eth10", message), 0);
    CU_ASSERT_EQUAL(config_set(c, "interfaces.eth1*2e100.mtu", "1400", message), 0);
    CU_ASSERT_EQUAL(config_enter(c, "interfaces.eth2", message), 0);
    CU_ASSERT_EQUAL(config_enter(c, "interfaces.eth1", message), 0);
    CU_ASSERT_EQUAL(config_enter(c, "interfaces", message), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(config_enter(c, "registrar", message), 0);
    for (size_t i = 0; i < 4; i++) {
        key = config_key_next(c, "interfaces", key);
        CU_ASSERT_PTR_NOT_NULL_FATAL(key);
        CU_ASSERT_STRING_EQUAL(key, want[i]);
    }
    CU_ASSERT_PTR_NULL(config_key_next(c, "interfaces", key));
    CU_ASSERT_EQUAL(config_store(c, scratch_file("keys.conf"), false, message), 0);
    CU_ASSERT_EQUAL(config_load(loaded, scratch_file("keys.conf"), message), 0);
    CU_ASSERT(same(c, loaded));
    CU_ASSERT_EQUAL(config_unset(c, "interfaces.eth2", message), 0);
    CU_ASSERT_FALSE(config_has_entry(c, "interfaces.eth2"));
    CU_ASSERT_EQUAL(config_unset(c, "interfaces.eth2", message), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(config_unset(c, "interfaces", message), 0);
    CU_ASSERT_PTR_NULL(config_key_next(c, "interfaces", NULL));
    config_free(c);
    config_free(loaded);
}

static void keys_are_encoded_and_decoded(void)
{
    const struct config_mode *interfaces = config_mode_of("interfaces.eth1.mtu"),
                             *nms = config_mode_of("snmp.users.x");
    char encoded[CONFIG_PATH_MAX], plain[CONFIG_PATH_MAX];
    static const char *const keys[][2] = {{"eth1.100", "eth1*2e100"}, {"eth1", "eth1"}, {"a-b_c", "a-b_c"}};

    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(config_key_encode(interfaces, keys[i][0], encoded, message), 0);
        CU_ASSERT_STRING_EQUAL(encoded, keys[i][1]);
        CU_ASSERT_EQUAL(config_key_decode(encoded, plain), 0);
        CU_ASSERT_STRING_EQUAL(plain, keys[i][0]);
    }
    CU_ASSERT_EQUAL(config_key_encode(nms, "007", encoded, message), 0);
    CU_ASSERT_STRING_EQUAL(encoded, "*3007");
    CU_ASSERT_EQUAL(config_key_encode(interfaces, "eth1/0", encoded, message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_key_encode(interfaces, "", encoded, message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_key_encode(interfaces, "abcdefghijklmnop", encoded, message), ERR_TOO_LONG);
    CU_ASSERT_EQUAL(config_key_encode(config_mode_of("registrar"), "x", encoded, message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_key_decode("a*", plain), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_key_decode("a*00", plain), ERR_SYNTAX);
}

static void commands_work_as_on_ios(void)
{
    struct config *c = config_new();
    struct config_place place = config_root();
    struct config_action action;

    CU_ASSERT_EQUAL(config_command(c, &place, "  hostname   reg7 ", message), 0);
    CU_ASSERT_STRING_EQUAL(config_get(c, "hostname"), "reg7");
    CU_ASSERT_EQUAL(config_command(c, &place, "interface eth1.100", message), 0);
    CU_ASSERT_STRING_EQUAL(place.mode->prompt, "config-if");
    CU_ASSERT_EQUAL(config_command(c, &place, "ip address 10.1.0.1 255.255.255.0", message), 0);
    CU_ASSERT_EQUAL(config_command(c, &place, "ip address dhcp", message), 0);
    CU_ASSERT_EQUAL(config_command(c, &place, "description two  words ! not a comment", message), 0);
    CU_ASSERT_STRING_EQUAL(config_get(c, "interfaces.eth1*2e100.description"), "two  words ! not a comment");
    CU_ASSERT_STRING_EQUAL(config_get(c, "interfaces.eth1*2e100.addresses"), "10.1.0.1/24");
    CU_ASSERT(config_boolean(c, "interfaces.eth1*2e100.dhcp"));
    CU_ASSERT_EQUAL(config_command(c, &place, "no ip address 10.1.0.1/24", message), 0);
    CU_ASSERT_PTR_NULL(config_get(c, "interfaces.eth1*2e100.addresses"));
    CU_ASSERT_EQUAL(config_command(c, &place, "no ip address dhcp", message), 0);
    CU_ASSERT_FALSE(config_boolean(c, "interfaces.eth1*2e100.dhcp"));
    CU_ASSERT_EQUAL(config_command(c, &place, "registrar", message),
                    0); /* the root's command in a sub-mode */
    CU_ASSERT_STRING_EQUAL(place.mode->prompt, "config-registrar");
    CU_ASSERT_EQUAL(config_command(c, &place, "no asap tcp", message), 0);
    CU_ASSERT_FALSE(config_boolean(c, "registrar.asap.tcp"));
    CU_ASSERT_EQUAL(config_command(c, &place, "default asap tcp", message), 0);
    CU_ASSERT(config_boolean(c, "registrar.asap.tcp"));
    CU_ASSERT_EQUAL(config_command(c, &place, "asap port 4000", message), 0);
    CU_ASSERT_EQUAL(config_unsigned(c, "registrar.asap.port"), 4000);
    CU_ASSERT_EQUAL(config_command(c, &place, "no asap port", message), 0);
    CU_ASSERT_EQUAL(config_unsigned(c, "registrar.asap.port"), 3863);
    CU_ASSERT_EQUAL(config_command(c, &place, "asap port", message), ERR_SYNTAX);
    CU_ASSERT_STRING_EQUAL(message, "asap port: a value is missing, as 3863");
    CU_ASSERT_EQUAL(config_command(c, &place, "asap tcp now", message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_command(c, &place, "colour blue", message), ERR_SYNTAX);
    CU_ASSERT_STRING_EQUAL(message, "'colour blue' is not a configuration command");
    CU_ASSERT_EQUAL(config_command(c, &place, "no", message), ERR_SYNTAX);
    CU_ASSERT_STRING_EQUAL(place.path, "registrar"); /* an error does not move */
    CU_ASSERT_EQUAL(config_command(c, &place, "exit", message), 0);
    CU_ASSERT_STRING_EQUAL(place.path, "");
    CU_ASSERT_EQUAL(config_command(c, &place, "! a comment", message), 0);
    CU_ASSERT_EQUAL(config_command(c, &place, "", message), 0);
    CU_ASSERT_EQUAL(config_command(c, &place, "no interface eth1.100", message), 0);
    CU_ASSERT_FALSE(config_has_entry(c, "interfaces.eth1*2e100"));
    CU_ASSERT_EQUAL(config_command(c, &place, "no interface eth1.100", message), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(config_command(c, &place, "interface eth1 eth2", message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_command(c, &place, "interface", message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_command(c, &place, "snmp-server", message), 0);
    CU_ASSERT_EQUAL(config_command(c, &place, "snmp-server user nms", message), 0);
    CU_ASSERT_STRING_EQUAL(place.path, "snmp.users.nms");
    CU_ASSERT_EQUAL(config_parse_command(&place, "access read-only", &action, message), 0);
    CU_ASSERT_EQUAL(action.verb, CONFIG_SET);
    CU_ASSERT_STRING_EQUAL(action.path, "snmp.users.nms.access");
    CU_ASSERT_EQUAL(config_place_at("interfaces.eth4", &place, message), 0);
    CU_ASSERT_STRING_EQUAL(place.mode->prompt, "config-if");
    CU_ASSERT_EQUAL(config_place_at("interfaces.eth4.mtu", &place, message), ERR_NOT_FOUND);
    config_free(c);
}

static void diff_names_each_change_once(void)
{
    struct config *a = config_new(), *b;
    unsigned n = 0;

    config_set(a, "hostname", "one", message);
    config_set(a, "interfaces.eth1.mtu", "1400", message);
    b = config_copy(a);
    config_diff(a, b, &n, count_change);
    CU_ASSERT_EQUAL(n, 0);
    config_set(b, "hostname", "two", message);
    config_unset(b, "interfaces.eth1", message);
    config_enter(b, "interfaces.eth2", message);
    config_diff(a, b, &n, count_change);
    CU_ASSERT_EQUAL(n, 4); /* the name, the MTU, one entry less, one more */
    config_free(a);
    config_free(b);
}

static void a_copy_lives_alone(void)
{
    struct config *a = config_new(), *b;
    char path[64];

    for (unsigned i = 0; i < 70; i++) { /* across the powers of two that the arrays grow by */
        b = config_copy(a);
        snprintf(path, sizeof path, "interfaces.e%u.mtu", i);
        CU_ASSERT_EQUAL(config_set(b, path, "1400", message), 0);
        CU_ASSERT_PTR_NULL(config_get(a, path));
        config_free(a);
        a = b;
    }
    CU_ASSERT_STRING_EQUAL(config_get(a, "interfaces.e0.mtu"), "1400");
    config_free(a);
}

static void two_interfaces_cannot_have_one_address(void)
{
    struct config *c = config_new();
    config_add(c, "interfaces.eth1.addresses", "10.1.0.1/24", message);
    config_add(c, "interfaces.eth2.addresses", "10.1.0.11/24", message);
    CU_ASSERT_EQUAL(config_validate(c, message), 0);
    config_add(c, "interfaces.eth2.addresses", "10.1.0.1/16", message);
    CU_ASSERT_EQUAL(config_validate(c, message), ERR_EXISTS);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "interfaces.eth2.addresses"));
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "interfaces.eth1.addresses"));
    config_free(c);
}

/* --- files --- */

static void files_that_are_wrong_say_where_and_why(void)
{
    static const struct {
        const char *text;
        int code;
        const char *says;
    } cases[] = {
        {"", ERR_SYNTAX, "x.conf: has no version: the file is empty or was cut short"},
        {"hostname = \"a\";\n", ERR_SYNTAX, "cut short"},
        {"hostname = \"a", ERR_SYNTAX, "x.conf:1: syntax error"},
        {"version = 1;\nhostname == \"a\";\n", ERR_SYNTAX, "x.conf:2: syntax error"},
        {"version = 2;\nnew-thing = 1;\n", ERR_UNSUPPORTED,
         "x.conf:1: version: the file is of version 2, this firmware knows up to 1"},
        {"version = \"1\";\n", ERR_SYNTAX, "x.conf:1: version: needs a number"},
        {"version = 0;\n", ERR_SYNTAX, "number of 1 or more"},
        {"version = 1;\narchive = -3;\n", ERR_SYNTAX, "x.conf:2: archive"},
        {"version = 1;\nregistrar: {\n asap: { port = 70000; };\n};\n", ERR_RANGE,
         "x.conf:3: registrar.asap.port: '70000' is out of range 1..65535"},
        {"version = 1;\nregistrar: { asap: { port = -1; }; };\n", ERR_SYNTAX, "is not a number"},
        {"version = 1;\nregistrar: { asap: { port = \"1\"; }; };\n", ERR_SYNTAX,
         "needs a number without quotes"},
        {"version = 1;\nregistrar: { asap: { port = { }; }; };\n", ERR_NOT_FOUND, "no such group"},
        {"version = 1;\nssh: { enabled = 1; };\n", ERR_SYNTAX, "needs true or false"},
        {"version = 1;\nhostname = 5;\n", ERR_SYNTAX, "needs a text in quotes"},
        {"version = 1;\nroutes = \"x\";\n", ERR_SYNTAX, "is a list"},
        {"version = 1;\nroutes = [ 1 ];\n", ERR_SYNTAX, "list of texts"},
        {"version = 1;\nroutes = [ \"10.2.0.0/16 x\" ];\n", ERR_SYNTAX,
         "x.conf:2: routes: '10.2.0.0/16 x' has no gateway"},
        {"version = 1;\nroutes = ( ( \"a\" ), { b = 1; } );\n", ERR_SYNTAX, "list of texts"},
        {"version = 1;\ncolour = 1;\n", ERR_NOT_FOUND, "x.conf:2: colour: there is no such setting"},
        {"version = 1;\nshape: { };\n", ERR_NOT_FOUND, "x.conf:2: shape: there is no such group"},
        {"version = 1;\nhostname = \"a\";\nhostname = \"b\";\n", ERR_SYNTAX,
         "x.conf:3: duplicate setting name"},
        {"version = 1;\ninterfaces: { *2f: { }; };\n", ERR_SYNTAX, "x.conf:2: interfaces.*2f"},
        {"version = 1;\n  @include \"/etc/shadow\"\n", ERR_SYNTAX, "x.conf:2: @include is not allowed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *c = config_new();
        CU_ASSERT_EQUAL(config_load_text(c, cases[i].text, strlen(cases[i].text), "x.conf", message),
                        cases[i].code);
        CU_ASSERT_PTR_NOT_NULL(strstr(message, cases[i].says));
        if (!strstr(message, cases[i].says))
            printf("\n  %s: %s\n", cases[i].text, message);
        config_free(c);
    }
    struct config *c = config_new();
    CU_ASSERT_EQUAL(config_load_text(c, "version = 1;\0\0\0", 15, "x.conf", message), ERR_SYNTAX);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "zero octets"));
    CU_ASSERT_EQUAL(config_load(c, scratch_file("none.conf"), message), ERR_NOT_FOUND);
    CU_ASSERT_EQUAL(config_load(c, "/dev/zero", message), ERR_SYNTAX);
    CU_ASSERT_EQUAL(config_load(c, scratch(), message), ERR_SYNTAX);
    config_free(c);
}

static void every_truncation_of_a_file_is_noticed(void)
{
    struct config *c = everything(), *l;
    const char *file = scratch_file("whole.conf");
    static char text[32768];

    CU_ASSERT_EQUAL(config_store(c, file, false, message), 0);
    FILE *f = fopen(file, "r");
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    CU_ASSERT(n > 1000 && n < sizeof text);
    while (n > 0 && text[n - 1] != '1') /* up to the version itself everything matters */
        n--;
    for (size_t cut = 0; cut < n; cut++) {
        l = config_new();
        CU_ASSERT_NOT_EQUAL(config_load_text(l, text, cut, "cut.conf", message), 0);
        config_free(l);
    }
    l = config_new();
    CU_ASSERT_EQUAL(config_load_text(l, text, n, "cut.conf", message), 0);
    config_free(l);
    config_free(c);
}

static void the_secrets_file_is_for_root_alone(void)
{
    struct config *c = everything();
    const char *open_file = scratch_file("open.conf"), *secret_file = scratch_file("secret.conf");
    struct stat st;
    static char text[32768];

    config_set_archive(c, 17);
    CU_ASSERT_EQUAL(config_store(c, open_file, false, message), 0);
    CU_ASSERT_EQUAL(config_store(c, secret_file, true, message), 0);
    CU_ASSERT(stat(secret_file, &st) == 0 && (st.st_mode & 07777) == 0600);
    CU_ASSERT(stat(open_file, &st) == 0 && (st.st_mode & 07777) == 0644);
    FILE *f = fopen(open_file, "r");
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    fclose(f);
    CU_ASSERT_PTR_NULL(strstr(text, "key = \""));
    CU_ASSERT_PTR_NULL(strstr(text, "password"));
    struct config *both = config_new();
    CU_ASSERT_EQUAL(config_load(both, open_file, message), 0);
    CU_ASSERT_EQUAL(config_load(both, secret_file, message), 0);
    CU_ASSERT(same(c, both));
    CU_ASSERT_EQUAL(config_archive(both), 17);
    config_free(c);
    config_free(both);
}

/* Stores new over old where the disk refuses; old must be what is read back. */
static void expect_old_kept(const char *file, int want)
{
    struct config *c = everything(), *kept = config_new();
    CU_ASSERT_EQUAL(config_store(c, file, false, message), want);
    CU_ASSERT_PTR_NOT_NULL(strstr(message, "disk.conf: "));
    CU_ASSERT_EQUAL(config_load(kept, file, message), 0);
    CU_ASSERT_STRING_EQUAL(config_get(kept, "hostname"), "old");
    config_free(c);
    config_free(kept);
}

static bool fill(const char *folder)
{
    char path[600], block[4096];
    memset(block, 'x', sizeof block);
    snprintf(path, sizeof path, "%s/filler", folder);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (int i = 0; i < 64 && write(fd, block, sizeof block) > 0; i++)
        ;
    close(fd);
    return fd >= 0;
}

static void a_full_or_read_only_disk_keeps_the_old_file(void)
{
    struct config *c = config_new();
    const char *folder = scratch_file("disk"), *file = scratch_file("disk/disk.conf");

    mkdir(folder, 0755);
    if (geteuid() != 0 || mount("tmpfs", folder, "tmpfs", 0, "size=16k") != 0) {
        printf(" (no tmpfs without root: only the read-only folder) ");
        config_set(c, "hostname", "old", message);
        CU_ASSERT_EQUAL(config_store(c, file, false, message), 0);
        if (geteuid() != 0) {
            chmod(folder, 0555);
            expect_old_kept(file, ERR_STORAGE);
            chmod(folder, 0755);
        }
        config_free(c);
        return;
    }
    config_set(c, "hostname", "old", message);
    CU_ASSERT_EQUAL(config_store(c, file, false, message), 0);
    CU_ASSERT(fill(folder));
    expect_old_kept(file, ERR_STORAGE);
    CU_ASSERT_NOT_EQUAL(access(scratch_file("disk/disk.conf.tmp"), F_OK), 0);
    CU_ASSERT_EQUAL(mount("none", folder, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
    expect_old_kept(file, ERR_STORAGE);
    umount2(folder, MNT_DETACH);
    config_free(c);
}

/* Whoever reads while another process writes, or after it was killed, sees a whole file. */
static void a_killed_writer_leaves_old_or_new(void)
{
    const char *file = scratch_file("killed.conf");
    struct config *old = config_new(), *new = everything();

    config_set(old, "hostname", "old", message);
    CU_ASSERT_EQUAL(config_store(old, file, false, message), 0);
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0)
            for (int k = 0;; k++)
                config_store(k % 2 ? old : new, file, false, message);
        usleep((useconds_t)(rand() % 3000)); /* the moment is the point, not a wait for something */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        struct config *l = config_new();
        CU_ASSERT_EQUAL(config_load(l, file, message), 0);
        CU_ASSERT(strcmp(config_get(l, "hostname"), "old") == 0 ||
                  strcmp(config_get(l, "hostname"), "reg1") == 0);
        config_free(l);
    }
    config_free(old);
    config_free(new);
}

static void the_scratch_folder_is_removed(void)
{
    char command[600];
    snprintf(command, sizeof command, "rm -rf '%s'", scratch());
    CU_ASSERT_EQUAL(system(command), 0);
}

static const struct unit_test tests[] = {
    {"the schema is sound", schema_is_sound},
    {"every setting is set, shown, stored and unset", every_setting_is_set_shown_stored_and_unset},
    {"the whole configuration pastes back", the_whole_configuration_pastes_back},
    {"defaults are shown only when asked for",
     the_default_configuration_shows_nothing_but_shows_all_when_asked},
    {"secrets are masked and a mask is never stored", secrets_are_masked_and_a_mask_is_never_stored},
    {"passwords are stored as yescrypt", passwords_are_stored_as_yescrypt},
    {"values become canonical", values_become_canonical},
    {"wrong values are refused with path and reason", wrong_values_are_refused_with_path_and_reason},
    {"lists grow, shrink and have a limit", lists_grow_shrink_and_have_a_limit},
    {"entries have natural order and may be empty", entries_have_natural_order_and_may_be_empty},
    {"keys are encoded and decoded", keys_are_encoded_and_decoded},
    {"commands work as on IOS", commands_work_as_on_ios},
    {"a diff names each change once", diff_names_each_change_once},
    {"a copy lives alone", a_copy_lives_alone},
    {"two interfaces cannot have one address", two_interfaces_cannot_have_one_address},
    {"files that are wrong say where and why", files_that_are_wrong_say_where_and_why},
    {"every truncation of a file is noticed", every_truncation_of_a_file_is_noticed},
    {"the secrets file is for root alone", the_secrets_file_is_for_root_alone},
    {"a full or read-only disk keeps the old file", a_full_or_read_only_disk_keeps_the_old_file},
    {"a killed writer leaves old or new", a_killed_writer_leaves_old_or_new},
    {"the scratch folder is removed", the_scratch_folder_is_removed},
};
UNIT_MAIN("config", tests)
