/* SPDX-License-Identifier: BSD-3-Clause */
/* Monotonic time. Logic takes time as an argument (now_ms); only the daemons read the clock, here. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds and microseconds of CLOCK_MONOTONIC; never jumps when the wall clock is set. */
uint64_t clock_ms(void);
uint64_t clock_us(void);

#endif
