/* SPDX-License-Identifier: BSD-3-Clause */
/* What every room stands on: addresses, the error catalogue, bounded reading and writing, the log. */
#include "base/address.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/octets.h"
#include "tests/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void addresses_are_read_and_written_the_usual_way(void)
{
    static const char *const good[] = {"192.0.2.1",   "255.255.255.255", "::",        "::1",
                                       "2001:db8::1", "fe80::1",         "239.0.0.50"};
    static const char *const bad[] = {"",         "1.2.3",     "1.2.3.4.5", "1.2.3.256",   "host",
                                      " 1.2.3.4", "1.2.3.4 ",  "::1::",     "2001:db8::g", "fe80::1%lo",
                                      "[::1]",    "1.2.3.4:80"};
    char text[ADDRESS_TEXT_MAX];
    struct address a;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        CU_ASSERT(address_parse(good[i], &a));
        CU_ASSERT_STRING_EQUAL(address_format(&a, text), good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        CU_ASSERT(!address_parse(bad[i], &a));
        CU_ASSERT_EQUAL(a.family, 0);
    }
    CU_ASSERT_STRING_EQUAL(address_format(&a, text), "-");
}

static void a_port_is_written_so_that_it_can_be_told_from_the_address(void)
{
    char text[ADDRESS_TEXT_MAX];
    struct address a;

    address_parse("192.0.2.1", &a);
    CU_ASSERT_STRING_EQUAL(address_format_port(&a, 3863, text), "192.0.2.1:3863");
    address_parse("2001:db8:1111:2222:3333:4444:5555:6666", &a);
    CU_ASSERT_STRING_EQUAL(address_format_port(&a, 65535, text),
                           "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
}

static void addresses_know_their_kind(void)
{
    static const struct {
        const char *text;
        bool loopback, link_local, multicast, any;
    } table[] = {
        {"127.0.0.1", true, false, false, false},    {"127.255.0.9", true, false, false, false},
        {"::1", true, false, false, false},          {"169.254.1.1", false, true, false, false},
        {"169.253.1.1", false, false, false, false}, {"fe80::1", false, true, false, false},
        {"febf::1", false, true, false, false},      {"fec0::1", false, false, false, false},
        {"224.0.0.1", false, false, true, false},    {"239.0.0.50", false, false, true, false},
        {"240.0.0.1", false, false, false, false},   {"ff02::1", false, false, true, false},
        {"0.0.0.0", false, false, false, true},      {"::", false, false, false, true},
        {"192.0.2.1", false, false, false, false},   {"2001:db8::1", false, false, false, false},
    };
    struct address a;

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        CU_ASSERT(address_parse(table[i].text, &a));
        CU_ASSERT_EQUAL(address_is_loopback(&a), table[i].loopback);
        CU_ASSERT_EQUAL(address_is_link_local(&a), table[i].link_local);
        CU_ASSERT_EQUAL(address_is_multicast(&a), table[i].multicast);
        CU_ASSERT_EQUAL(address_is_any(&a), table[i].any);
    }
}

static void socket_addresses_come_back_as_they_went(void)
{
    struct sockaddr_storage sa;
    struct address v4, v6, back;
    uint16_t port = 0;

    address_parse("192.0.2.7", &v4);
    address_parse("2001:db8::7", &v6);
    CU_ASSERT_EQUAL(address_to_sockaddr(&v4, 3863, false, &sa), sizeof(struct sockaddr_in));
    CU_ASSERT(address_from_sockaddr((struct sockaddr *)&sa, &back, &port));
    CU_ASSERT(address_equal(&back, &v4) && port == 3863);
    CU_ASSERT_EQUAL(address_to_sockaddr(&v4, 9901, true, &sa), sizeof(struct sockaddr_in6));
    CU_ASSERT_EQUAL(sa.ss_family, AF_INET6);
    CU_ASSERT(address_from_sockaddr((struct sockaddr *)&sa, &back, &port)); /* v4-mapped */
    CU_ASSERT(address_equal(&back, &v4) && port == 9901);
    address_to_sockaddr(&v6, 1, false, &sa);
    CU_ASSERT(address_from_sockaddr((struct sockaddr *)&sa, &back, NULL));
    CU_ASSERT(address_equal(&back, &v6) && !address_equal(&back, &v4));
    sa.ss_family = AF_UNIX;
    CU_ASSERT(!address_from_sockaddr((struct sockaddr *)&sa, &back, &port));
    CU_ASSERT_EQUAL(back.family, 0);
}

static void every_error_has_a_name_a_text_and_an_advice(void)
{
    for (int i = 0; i < ERROR_COUNT; i++) {
        int code = -1 - i;
        CU_ASSERT(strncmp(error_name(code), "ERR_", 4) == 0);
        CU_ASSERT(*error_text(code) != '\0' && *error_advice(code) != '\0');
        for (int j = 0; j < i; j++)
            CU_ASSERT_STRING_NOT_EQUAL(error_text(code), error_text(-1 - j));
    }
    CU_ASSERT_STRING_EQUAL(error_name(ERR_MEMORY), "ERR_MEMORY");
    CU_ASSERT_STRING_EQUAL(error_text(ERR_OK), "no error");
    int unknown[] = {1, -1 - ERROR_COUNT, -2147483647 - 1, 2147483647};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        CU_ASSERT_STRING_EQUAL(error_name(unknown[i]), "ERR_UNKNOWN");
}

static void errno_finds_its_place_in_the_catalogue(void)
{
    CU_ASSERT_EQUAL(error_from_errno(0), ERR_OK);
    CU_ASSERT_EQUAL(error_from_errno(EADDRINUSE), ERR_ADDRESS_IN_USE);
    CU_ASSERT_EQUAL(error_from_errno(EPROTONOSUPPORT), ERR_UNSUPPORTED);
    CU_ASSERT_EQUAL(error_from_errno(EACCES), ERR_DENIED);
    CU_ASSERT_EQUAL(error_from_errno(ECONNREFUSED), ERR_CLOSED);
    CU_ASSERT_EQUAL(error_from_errno(ENOSPC), ERR_STORAGE);
    CU_ASSERT_EQUAL(error_from_errno(12345), ERR_IO);
}

static void a_reader_gives_nothing_beyond_its_end(void)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7};
    struct reader r = reader_of(octets_of(data, sizeof data));

    CU_ASSERT_EQUAL(reader_u8(&r), 1);
    CU_ASSERT_EQUAL(reader_u16(&r), 0x0203);
    CU_ASSERT_EQUAL(reader_left(&r), 4);
    CU_ASSERT_EQUAL(reader_u32(&r), 0x04050607);
    CU_ASSERT(!r.failed && reader_left(&r) == 0);
    CU_ASSERT_EQUAL(reader_u8(&r), 0);
    CU_ASSERT(r.failed);

    r = reader_of(octets_of(data, 3));
    CU_ASSERT_EQUAL(reader_u32(&r), 0);
    CU_ASSERT(r.failed);
    CU_ASSERT_EQUAL(reader_u8(&r), 0); /* a failed reader stays failed, though an octet would be there */
    r = reader_of(octets_of(data, 3));
    CU_ASSERT_EQUAL(reader_take(&r, SIZE_MAX).length, 0);
    CU_ASSERT(r.failed);
    r = reader_of((struct octets){0});
    CU_ASSERT(reader_left(&r) == 0 && reader_take(&r, 0).length == 0 && !r.failed);
}

static void a_writer_writes_nothing_beyond_its_end(void)
{
    uint8_t buffer[8];
    struct writer w = writer_of(buffer, 7);

    memset(buffer, 0xee, sizeof buffer);
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_u32(&w, 0x04050607);
    CU_ASSERT(!w.failed && writer_used(&w) == 7);
    CU_ASSERT(memcmp(buffer, "\1\2\3\4\5\6\7\xee", 8) == 0);
    writer_u8(&w, 9);
    CU_ASSERT(w.failed && writer_used(&w) == 7 && buffer[7] == 0xee);

    w = writer_of(buffer, 3);
    writer_u32(&w, 0);
    writer_u8(&w, 0); /* a hole must not be followed by more */
    CU_ASSERT(w.failed && writer_used(&w) == 0 && buffer[0] == 1);
    w = writer_of(buffer, 3);
    CU_ASSERT_PTR_NULL(writer_reserve(&w, SIZE_MAX));
}

static void octets_are_equal_by_content(void)
{
    CU_ASSERT(octets_equal(octets_of("abc", 3), octets_of("abcd", 3)));
    CU_ASSERT(!octets_equal(octets_of("abc", 3), octets_of("abc", 2)));
    CU_ASSERT(!octets_equal(octets_of("abc", 3), octets_of("abd", 3)));
    CU_ASSERT(octets_equal((struct octets){0}, octets_of("x", 0)));
}

/* What log_write() puts on stderr. */
static size_t logged(int level, const char *text, char *out, size_t size)
{
    int ends[2], old = dup(STDERR_FILENO);
    ssize_t n;

    CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    log_write(level, NULL, "%s", text);
    fflush(stderr);
    dup2(old, STDERR_FILENO);
    close(old);
    close(ends[1]);
    n = read(ends[0], out, size - 1);
    close(ends[0]);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void no_text_from_the_network_can_forge_a_line_of_the_log(void)
{
    char out[4096], *end;
    static char endless[8192];

    log_open("test", true, LOG_INFO);
    CU_ASSERT(logged(LOG_INFO, "pool a\nregistrard: error: forged\r\x1b[2J\x7f", out, sizeof out) > 0);
    end = strchr(out, '\n');
    CU_ASSERT(end && end[1] == '\0'); /* one line */
    CU_ASSERT_PTR_NULL(strchr(out, '\x1b'));
    CU_ASSERT_PTR_NULL(strchr(out, '\r'));
    CU_ASSERT_PTR_NULL(strchr(out, '\x7f'));
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "pool a"));
    CU_ASSERT(logged(LOG_INFO, "pool b\xc2\x85registrard: error: forged\x9b[2J", out, sizeof out) > 0);
    CU_ASSERT_PTR_NULL(strchr(out, '\x85'));
    CU_ASSERT_PTR_NULL(strchr(out, '\x9b'));
    CU_ASSERT_EQUAL(logged(LOG_DEBUG, "too fine", out, sizeof out), 0);
    memset(endless, 'x', sizeof endless - 1);
    CU_ASSERT(logged(LOG_ERR, endless, out, sizeof out) < 2048);
    CU_ASSERT(logged(LOG_ERR, "%s%n", out, sizeof out) > 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(out, "%s%n"));
}

static void a_repeated_message_is_logged_once_in_its_interval(void)
{
    struct log_limit limit = {0};
    uint32_t suppressed = 99;

    CU_ASSERT(log_limit_allows(&limit, 1000, 500, &suppressed));
    CU_ASSERT_EQUAL(suppressed, 0);
    CU_ASSERT(!log_limit_allows(&limit, 1001, 500, &suppressed));
    CU_ASSERT(!log_limit_allows(&limit, 1499, 500, &suppressed));
    CU_ASSERT(log_limit_allows(&limit, 1500, 500, &suppressed));
    CU_ASSERT_EQUAL(suppressed, 2);
}

static void the_clock_never_goes_back(void)
{
    uint64_t last = clock_us();

    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_us();
        CU_ASSERT(now >= last);
        last = now;
    }
    CU_ASSERT(clock_ms() - last / 1000 < 1000);
}

static const struct unit_test tests[] = {
    {"addresses are read and written the usual way", addresses_are_read_and_written_the_usual_way},
    {"a port is written so that it can be told from the address",
     a_port_is_written_so_that_it_can_be_told_from_the_address},
    {"addresses know their kind", addresses_know_their_kind},
    {"socket addresses come back as they went", socket_addresses_come_back_as_they_went},
    {"every error has a name, a text and an advice", every_error_has_a_name_a_text_and_an_advice},
    {"errno finds its place in the catalogue", errno_finds_its_place_in_the_catalogue},
    {"a reader gives nothing beyond its end", a_reader_gives_nothing_beyond_its_end},
    {"a writer writes nothing beyond its end", a_writer_writes_nothing_beyond_its_end},
    {"octets are equal by content", octets_are_equal_by_content},
    {"no text from the network can forge a line of the log",
     no_text_from_the_network_can_forge_a_line_of_the_log},
    {"a repeated message is logged once in its interval", a_repeated_message_is_logged_once_in_its_interval},
    {"the clock never goes back", the_clock_never_goes_back},
};
UNIT_MAIN("base", tests)
