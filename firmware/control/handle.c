/* SPDX-License-Identifier: BSD-3-Clause */
/* Pool handles as JSON: any octets there, text here. */
#include "base/error.h"
#include "control/control.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char hex_digits[] = "0123456789abcdef";

void control_put_handle(json_t *object, const uint8_t *data, size_t length)
{
    char *text = malloc(length * 4 + 1), *hex = malloc(length * 2 + 1);
    size_t t = 0, h = 0;

    for (size_t i = 0; text && hex && i < length; i++) {
        uint8_t c = data[i];
        hex[h++] = hex_digits[c >> 4];
        hex[h++] = hex_digits[c & 15];
        if (c >= ' ' && c < 0x7f && c != '\\') {
            text[t++] = (char)c;
        } else {
            memcpy(text + t, "\\x", 2);
            text[t + 2] = hex_digits[c >> 4];
            text[t + 3] = hex_digits[c & 15];
            t += 4;
        }
    }
    if (text && hex) {
        json_object_set_new(object, "handle", json_stringn(text, t));
        json_object_set_new(object, "handle_hex", json_stringn(hex, h));
    }
    free(text);
    free(hex);
}

static int nibble(char c)
{
    const char *p = c ? strchr(hex_digits, c >= 'A' ? c | 0x20 : c) : NULL;
    return p ? (int)(p - hex_digits) : -1;
}

static int octet(const char *two)
{
    int high = nibble(two[0]), low = high < 0 ? -1 : nibble(two[1]);
    return low < 0 ? -1 : high << 4 | low;
}

static int from_hex(const char *text, uint8_t *buffer, size_t capacity)
{
    size_t n = strlen(text) / 2;

    if (strlen(text) % 2 || n > capacity)
        return ERR_ARGUMENT;
    for (size_t i = 0; i < n; i++) {
        int value = octet(text + 2 * i);
        if (value < 0)
            return ERR_ARGUMENT;
        buffer[i] = (uint8_t)value;
    }
    return (int)n;
}

static int from_text(const char *text, uint8_t *buffer, size_t capacity)
{
    size_t n = 0;

    for (const char *p = text; *p; n++) {
        int value = (unsigned char)*p;
        size_t step = 1;
        if (p[0] == '\\' && p[1] == 'x' && (value = octet(p + 2)) >= 0)
            step = 4;
        if (value < 0 || n == capacity)
            return ERR_ARGUMENT;
        buffer[n] = (uint8_t)value;
        p += step;
    }
    return (int)n;
}

int control_get_handle(const json_t *object, uint8_t *buffer, size_t capacity)
{
    const char *hex = json_string_value(json_object_get(object, "handle_hex"));
    const char *text = json_string_value(json_object_get(object, "handle"));

    return hex ? from_hex(hex, buffer, capacity) : text ? from_text(text, buffer, capacity) : ERR_ARGUMENT;
}
