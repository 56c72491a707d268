/* SPDX-License-Identifier: BSD-3-Clause */
/* The types of settings: text as an operator or a file gives it -> canonical text, or what is wrong with it.
 */
#include "base/address.h"
#include "base/error.h"
#include "config/internal.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A type's work: text without blanks around it -> out. On an error *reason (REASON_MAX octets) says what is
 * wrong, in words that follow the quoted value. */
enum { REASON_MAX = 160 };
typedef int (*normalise)(const struct setting *row, const char *text, char *out, char *reason);

/* Octets of the UTF-8 character at p, 0 when it is none or not printable (RFC 3629: no overlong form, no
 * surrogate). */
static size_t character_at(const unsigned char *p)
{
    static const struct {
        unsigned char mask, value, octets;
        uint32_t least;
    } forms[] = {
        {0x80, 0x00, 1, 0x20}, {0xe0, 0xc0, 2, 0xa0}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};

    for (size_t i = 0; i < 4; i++) {
        if ((p[0] & forms[i].mask) != forms[i].value)
            continue;
        uint32_t code = p[0] & (unsigned char)~forms[i].mask;
        for (size_t k = 1; k < forms[i].octets; k++) {
            if ((p[k] & 0xc0) != 0x80)
                return 0;
            code = code << 6 | (p[k] & 0x3f);
        }
        bool good = code >= forms[i].least && code != 0x7f && code <= 0x10ffff &&
                    (code < 0xd800 || code > 0xdfff) && (code < 0x80 || code >= 0xa0);
        return good ? forms[i].octets : 0;
    }
    return 0;
}

int config_say(char *message, int code, const char *subject, const char *format, ...)
{
    va_list ap;
    int n = 0;

    if (!message)
        return code;
    if (subject && *subject)
        n = snprintf(message, CONFIG_MESSAGE_MAX, "%.160s: ", subject);
    va_start(ap, format);
    vsnprintf(message + n, CONFIG_MESSAGE_MAX - (size_t)n, format, ap);
    va_end(ap);
    for (unsigned char *p = (void *)message; *p;) { /* a value quoted in part may end inside a character */
        size_t octets = character_at(p);
        if (octets == 0)
            *p = '?';
        p += octets ? octets : 1;
    }
    return code;
}

static int wrong(char *reason, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
static int wrong(char *reason, int code, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(reason, REASON_MAX, format, ap);
    va_end(ap);
    return code;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool config_word(const char **text, char *out, size_t capacity)
{
    const char *start = *text;
    size_t n;

    while (is_blank(*start))
        start++;
    for (n = 0; start[n] && !is_blank(start[n]); n++)
        if (out && n + 1 < capacity)
            out[n] = start[n];
    if (out)
        out[n < capacity ? n : capacity - 1] = '\0';
    *text = start + n;
    return n > 0;
}

static int string_value(const struct setting *row, const char *text, char *out, char *reason)
{
    size_t n = strlen(text);

    for (const unsigned char *p = (const void *)text; *p;) {
        size_t octets = character_at(p);
        if (octets == 0)
            return wrong(reason, ERR_SYNTAX, "is not printable UTF-8 text");
        p += octets;
    }
    if (n < row->min || n > row->max)
        return wrong(reason, ERR_RANGE, "has %zu octets, which is out of range %u..%u", n, row->min,
                     row->max);
    memcpy(out, text, n + 1);
    return 0;
}

/* A text that is a crypt(3) hash already, as `show running-config` prints it, stays as it is. */
static bool is_hash(const char *text)
{
    size_t n = strlen(text);
    return text[0] == '$' && n > 20 && n < CRYPT_OUTPUT_SIZE && strrchr(text + 1, '$') != text + 1 &&
           strspn(text, "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz$=,") == n &&
           crypt_checksalt(text) == CRYPT_SALT_OK;
}

static int password_value(const struct setting *row, const char *text, char *out, char *reason)
{
    if (is_hash(text)) {
        memcpy(out, text, strlen(text) + 1);
        return 0;
    }
    int rc = string_value(row, text, out, reason);
    if (rc != 0)
        return rc;
    char *salt = crypt_gensalt_ra("$y$", 0, NULL, 0);
    void *data = NULL;
    int size = 0;
    const char *hash = salt ? crypt_ra(text, salt, &data, &size) : NULL;
    if (hash)
        snprintf(out, VALUE_ONE_MAX, "%s", hash);
    else
        rc = wrong(reason, ERR_MEMORY, "could not be hashed");
    if (data)
        explicit_bzero(data, (size_t)size);
    free(data);
    free(salt);
    return rc;
}

static int word_value(const struct setting *row, const char *text, char *out, char *reason)
{
    if (!value_key_fits(SETTING_WORD, text, NULL))
        return wrong(reason, ERR_SYNTAX, "is not a word of letters, digits, '.', '_' and '-'");
    return string_value(row, text, out, reason);
}

static int unsigned_value(const struct setting *row, const char *text, char *out, char *reason)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    size_t n = strlen(digits);

    if (n == 0 || strspn(digits, hex ? "0123456789abcdefABCDEF" : "0123456789") != n)
        return wrong(reason, ERR_SYNTAX, "is not a number");
    unsigned long long v = strtoull(digits, NULL, hex ? 16 : 10); /* ULLONG_MAX on overflow */
    if (v < row->min || v > row->max)
        return wrong(reason, ERR_RANGE, "is out of range %u..%u", row->min, row->max);
    snprintf(out, VALUE_ONE_MAX, row->flags & SETTING_HEX ? "0x%08llx" : "%llu", v);
    return 0;
}

static int boolean_value(const struct setting *row, const char *text, char *out, char *reason)
{
    (void)row;
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return wrong(reason, ERR_SYNTAX, "is neither true nor false");
    memcpy(out, text, strlen(text) + 1);
    return 0;
}

static int choice_value(const struct setting *row, const char *text, char *out, char *reason)
{
    int n = snprintf(reason, REASON_MAX, "is not one of");

    for (const char *const *c = row->choices; *c; c++) {
        if (strcmp(*c, text) == 0) {
            memcpy(out, text, strlen(text) + 1);
            return 0;
        }
        if (n < REASON_MAX)
            n += snprintf(reason + n, (size_t)(REASON_MAX - n), "%s %s", c == row->choices ? "" : ",", *c);
    }
    return ERR_SYNTAX;
}

static int address_value(const struct setting *row, const char *text, char *out, char *reason)
{
    struct address a;

    (void)row;
    if (!address_parse(text, &a))
        return wrong(reason, ERR_SYNTAX, "is not an IPv4 or IPv6 address");
    if (address_is_multicast(&a) || address_is_any(&a))
        return wrong(reason, ERR_RANGE, "is not the address of one host");
    address_format(&a, out);
    return 0;
}

static int multicast_value(const struct setting *row, const char *text, char *out, char *reason)
{
    struct address a;

    (void)row;
    if (!address_parse(text, &a))
        return wrong(reason, ERR_SYNTAX, "is not an IPv4 or IPv6 address");
    if (!address_is_multicast(&a))
        return wrong(reason, ERR_RANGE, "is not a multicast address (224.0.0.0/4, ff00::/8)");
    address_format(&a, out);
    return 0;
}

/* The number of leading ones of a netmask, -1 when it is none. */
static int netmask_length(const char *text)
{
    struct in_addr mask;
    if (inet_pton(AF_INET, text, &mask) != 1)
        return -1;
    uint32_t bits = ntohl(mask.s_addr), inverse = ~bits;
    return (inverse & (inverse + 1)) == 0 ? __builtin_popcount(bits) : -1;
}

/* Takes "address/length" or "address netmask" off *text. */
static int take_prefix(const char **text, struct address *a, unsigned *length, char *reason)
{
    char word[ADDRESS_TEXT_MAX], *end = NULL;
    int n = -1;

    config_word(text, word, sizeof word);
    char *slash = strchr(word, '/');
    if (slash) {
        *slash = '\0';
        unsigned long v = slash[1] >= '0' && slash[1] <= '9' ? strtoul(slash + 1, &end, 10) : 999;
        n = v <= 128 && end && !*end ? (int)v : -1;
    }
    if (!address_parse(word, a))
        return wrong(reason, ERR_SYNTAX, "is not address/length, as 10.1.0.1/24");
    if (!slash && config_word(text, word, sizeof word))
        n = a->family == 4 ? netmask_length(word) : -1;
    if (n < 0 || n > (a->family == 4 ? 32 : 128))
        return wrong(reason, ERR_RANGE, "has no prefix length of 0..%d", a->family == 4 ? 32 : 128);
    *length = (unsigned)n;
    return 0;
}

static bool nothing_left(const char *text)
{
    return !config_word(&text, NULL, 0);
}

static int prefix_value(const struct setting *row, const char *text, char *out, char *reason)
{
    struct address a;
    unsigned length;
    char printed[ADDRESS_TEXT_MAX];
    int rc = take_prefix(&text, &a, &length, reason);

    (void)row;
    if (rc != 0)
        return rc;
    if (!nothing_left(text))
        return wrong(reason, ERR_SYNTAX, "has something after the prefix");
    if (address_is_multicast(&a) || address_is_any(&a) || length == 0)
        return wrong(reason, ERR_RANGE, "is not the address of one host");
    snprintf(out, VALUE_ONE_MAX, "%s/%u", address_format(&a, printed), length);
    return 0;
}

static void clear_host_bits(struct address *a, unsigned length)
{
    for (unsigned bit = length; bit < 128; bit++)
        a->octets[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
}

/* "10.2.0.0/16 10.1.0.254", with commas or "via" between, "default" for everything. */
static int route_value(const struct setting *row, const char *text, char *out, char *reason)
{
    char words[4 * ADDRESS_TEXT_MAX], gateway_text[ADDRESS_TEXT_MAX] = "", printed[2][ADDRESS_TEXT_MAX];
    struct address destination = {0}, gateway;
    unsigned length = 0;
    const char *at = words;

    (void)row;
    if (strlen(text) >= sizeof words)
        return wrong(reason, ERR_SYNTAX, "is too long");
    strcpy(words, text);
    for (char *c = words; *c; c++)
        if (*c == ',')
            *c = ' ';
    bool all = strncmp(at, "default ", 8) == 0;
    if (all)
        at += 8;
    int rc = all ? 0 : take_prefix(&at, &destination, &length, reason);
    if (rc != 0)
        return rc;
    if (config_word(&at, gateway_text, sizeof gateway_text) && strcmp(gateway_text, "via") == 0)
        config_word(&at, gateway_text, sizeof gateway_text);
    if (!address_parse(gateway_text, &gateway) || address_is_multicast(&gateway) || address_is_any(&gateway))
        return wrong(reason, ERR_SYNTAX, "has no gateway, as 10.2.0.0/16 10.1.0.254");
    if (!nothing_left(at))
        return wrong(reason, ERR_SYNTAX, "has something after the gateway");
    if (all)
        destination.family = gateway.family;
    if (destination.family != gateway.family)
        return wrong(reason, ERR_SYNTAX, "mixes IPv4 and IPv6");
    clear_host_bits(&destination, length);
    snprintf(out, VALUE_ONE_MAX, "%s/%u,%s", address_format(&destination, printed[0]), length,
             address_format(&gateway, printed[1]));
    return 0;
}

static int endpoint_value(const struct setting *row, const char *text, char *out, char *reason)
{
    char host[ADDRESS_TEXT_MAX], *end = NULL;
    struct address a;
    unsigned long port = row->min;
    const char *colon = NULL;
    size_t n = strlen(text);

    if (text[0] == '[') {
        const char *close = strchr(text, ']');
        if (!close || (close[1] && close[1] != ':'))
            return wrong(reason, ERR_SYNTAX, "is not address:port");
        n = (size_t)(close - ++text);
        colon = close[1] ? close + 1 : NULL;
    } else if ((colon = strchr(text, ':')) && strchr(colon + 1, ':')) {
        colon = NULL; /* an IPv6 address alone */
    } else if (colon) {
        n = (size_t)(colon - text);
    }
    snprintf(host, sizeof host, "%.*s", (int)(n < sizeof host ? n : sizeof host - 1), text);
    if (!address_parse(host, &a) || address_is_multicast(&a) || address_is_any(&a))
        return wrong(reason, ERR_SYNTAX, "is not address:port, as 10.1.0.2:9901");
    if (colon)
        port = colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 0;
    if ((end && *end) || port < 1 || port > 65535)
        return wrong(reason, ERR_RANGE, "has a port out of range 1..65535");
    address_format_port(&a, (uint16_t)port, out);
    return 0;
}

static int hostname_value(const struct setting *row, const char *text, char *out, char *reason)
{
    size_t label = 0;

    for (const char *c = text; *c; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9');
        bool inner = label > 0 && c[1] && c[1] != '.'; /* a hyphen, neither first nor last of a label */
        if (*c == '.' ? label == 0 || !c[1] : !letter && !(*c == '-' && inner))
            return wrong(reason, ERR_SYNTAX, "is not a host name of letters, digits, '-' and '.'");
        label = *c == '.' ? 0 : label + 1;
        if (label > 63)
            return wrong(reason, ERR_RANGE, "has a part of more than 63 octets");
    }
    return string_value(row, text, out, reason);
}

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* RFC 4253, 6.6: the blob begins with the length and the name of its type; a key pasted in part shows here.
 */
static bool blob_is_of_type(const char *blob, const char *type)
{
    size_t n = strlen(blob), body = n, want = strlen(type) + 4;
    uint8_t head[64];

    while (body > 0 && n - body < 2 && blob[body - 1] == '=')
        body--;
    if (n % 4 != 0 || want > sizeof head || n < (want + 2) / 3 * 4 + 4)
        return false;
    for (size_t i = 0; i < body; i++)
        if (base64_digit(blob[i]) < 0)
            return false;
    for (size_t i = 0; i < want; i++) {
        size_t at = i / 3 * 4;
        uint32_t group = 0;
        for (size_t k = 0; k < 4; k++)
            group = group << 6 | (uint32_t)(base64_digit(blob[at + k]) & 63);
        head[i] = (uint8_t)(group >> (16 - 8 * (i % 3)));
    }
    return head[0] == 0 && head[1] == 0 && head[2] == 0 && head[3] == want - 4 &&
           memcmp(head + 4, type, want - 4) == 0;
}

static int ssh_key_value(const struct setting *row, const char *text, char *out, char *reason)
{
    static const char *const types[] = {"ssh-ed25519",
                                        "ecdsa-sha2-nistp256",
                                        "ecdsa-sha2-nistp384",
                                        "ecdsa-sha2-nistp521",
                                        "sk-ssh-ed25519@openssh.com",
                                        "sk-ecdsa-sha2-nistp256@openssh.com",
                                        "ssh-rsa"};
    char words[VALUE_ONE_MAX], type[64], blob[VALUE_ONE_MAX];
    bool known = false;

    if (strlen(text) > row->max)
        return wrong(reason, ERR_RANGE, "has more than %u octets", row->max);
    strcpy(words, text);
    for (size_t k = 0; k < 2;
         k++) { /* the canonical form has its first two commas where a .pub file has blanks */
        char *comma = strpbrk(words, ", ");
        if (k == 1 && comma)
            comma = strpbrk(comma + 1, ", ");
        if (comma)
            *comma = ' ';
    }
    const char *at = words;
    config_word(&at, type, sizeof type);
    config_word(&at, blob, sizeof blob);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        known = known || strcmp(types[i], type) == 0;
    if (!known)
        return wrong(reason, ERR_SYNTAX, "does not begin with a type of key, as ssh-ed25519");
    if (!blob_is_of_type(blob, type))
        return wrong(reason, ERR_SYNTAX,
                     "is not a whole key of its type; copy the one line of the .pub file");
    int n = snprintf(out, VALUE_ONE_MAX, "%s,%s", type, blob);
    while (is_blank(*at) || *at == ',')
        at++;
    if (*at)
        out[n++] = ',';
    for (; *at; at++) { /* the comment is for people: one word of plain characters is enough */
        bool plain = *at > ' ' && *at < 0x7f && !strchr(",\"'\\", *at);
        out[n++] = plain ? *at : '_';
    }
    out[n] = '\0';
    return 0;
}

static int name_value(const struct setting *row, const char *text, char *out, char *reason)
{
    const char *why = NULL;
    if (!value_key_fits(row->type, text, &why))
        return wrong(reason, ERR_SYNTAX, "%s", why);
    return string_value(row, text, out, reason);
}

static const struct {
    normalise run;
    bool blanks; /* the value of one setting may have blanks in it */
    bool words;  /* of which the canonical form makes commas */
} types[] = {
    [SETTING_STRING] = {string_value, true, false},
    [SETTING_WORD] = {word_value, false, false},
    [SETTING_UNSIGNED] = {unsigned_value, false, false},
    [SETTING_BOOLEAN] = {boolean_value, false, false},
    [SETTING_CHOICE] = {choice_value, false, false},
    [SETTING_ADDRESS] = {address_value, false, false},
    [SETTING_PREFIX] = {prefix_value, true, false},
    [SETTING_HOSTNAME] = {hostname_value, false, false},
    [SETTING_ENDPOINT] = {endpoint_value, false, false},
    [SETTING_ROUTE] = {route_value, true, true},
    [SETTING_SSH_KEY] = {ssh_key_value, true, true},
    [SETTING_MULTICAST] = {multicast_value, false, false},
    [SETTING_INTERFACE] = {name_value, false, false},
    [SETTING_USERNAME] = {name_value, false, false},
};

bool value_has_words(const struct setting *row)
{
    return types[row->type].words;
}

bool value_key_fits(enum setting_type type, const char *key, const char **reason)
{
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz", digits[] = "0123456789._-",
                      upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    bool account = type == SETTING_USERNAME;

    if (reason)
        *reason = account
                      ? "is not a name of small letters, digits, '.', '_' and '-' that begins with a letter"
                      : "is not a name of letters, digits, '.', '_' and '-'";
    for (const char *k = key; *k; k++)
        if (!strchr(lower, *k) && !(strchr(upper, *k) && !account) && !strchr(digits, *k))
            return false;
    if (type == SETTING_WORD)
        return *key != '\0';
    return *key && !strchr(digits, *key) && strlen(key) <= (account ? 32 : 15);
}

int value_normalise(const struct setting *row, const char *path, const char *text, char out[VALUE_ONE_MAX],
                    char *message)
{
    char trimmed[VALUE_ONE_MAX], reason[REASON_MAX] = "";
    size_t n;
    bool secret = row->flags & SETTING_SECRET;

    while (is_blank(*text))
        text++;
    n = strlen(text);
    while (n > 0 && is_blank(text[n - 1]))
        n--;
    if (n == 0)
        return config_say(message, ERR_SYNTAX, path, "a value is missing, as %.60s", row->example);
    if (n >= VALUE_ONE_MAX / 2)
        return config_say(message, ERR_RANGE, path, "the value is longer than %d octets",
                          VALUE_ONE_MAX / 2 - 1);
    memcpy(trimmed, text, n);
    trimmed[n] = '\0';
    if (secret && strspn(trimmed, "*") == n)
        return config_say(message, ERR_SYNTAX, path, "this is the mask of a secret; enter the secret itself");
    const char *rest = trimmed;
    config_word(&rest, NULL, 0);
    if (!types[row->type].blanks && !nothing_left(rest))
        return config_say(message, ERR_SYNTAX, path, "one value is expected, as %.60s", row->example);
    normalise run = row->flags & SETTING_HASHED ? password_value : types[row->type].run;
    int rc = run(row, trimmed, out, reason);
    if (rc != 0)
        config_say(message, rc, path, "%s%.60s%s %s", secret ? "the secret" : "'", secret ? "" : trimmed,
                   secret ? "" : "'", reason);
    explicit_bzero(trimmed, sizeof trimmed);
    return rc;
}
