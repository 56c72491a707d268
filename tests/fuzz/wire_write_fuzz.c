/* SPDX-License-Identifier: BSD-3-Clause */
/* Any octets as dice for a valid message: it must be written, be read back as the same, and never overrun a
 * buffer that is too small for it. */
#include "base/error.h"
#include "tests/fuzz/wire_build.h"
#include "tests/fuzz/wire_same.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(x)                                                                                           \
    do {                                                                                                     \
        if (!(x))                                                                                            \
            __builtin_trap();                                                                                \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct build_arena arena;
    static uint8_t buffer[WIRE_MESSAGE_MAX];
    struct reader dice = reader_of(octets_of(data, size));
    unsigned choice = reader_u8(&dice) % BUILD_CHOICES;
    uint16_t cut = reader_u16(&dice);
    struct wire_message m = build_message(choice, &dice, &arena), again;
    struct wire_fault fault;

    int n = wire_write(&m, buffer, sizeof buffer);
    REQUIRE(n >= WIRE_HEADER && n % 4 == 0 && wire_frame(buffer, (size_t)n) == n);
    REQUIRE(wire_parse(m.protocol, buffer, (size_t)n, &again, &fault) == 0);
    REQUIRE(fault.n_unrecognized == 0 && same_message(&m, &again));

    size_t less = cut % (size_t)n;
    uint8_t *exact = malloc(less ? less : 1);
    REQUIRE(exact && wire_write(&m, exact, less) == ERR_NO_SPACE);
    free(exact);
    return 0;
}
