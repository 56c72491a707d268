/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The frame of a unit test program: a table of tests and UNIT_MAIN. Each tests/unit/NAME_test.c is one program and
 * one CUnit suite; `make unit-NAME` builds and runs it.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <CUnit/Basic.h>

struct unit_test {
    const char *name; /* the behaviour that it proves */
    void (*run)(void);
};

#define UNIT_MAIN(suite_name, table)                                                                                \
    int main(void)                                                                                                  \
    {                                                                                                               \
        if (CU_initialize_registry() != CUE_SUCCESS)                                                                \
            return 2;                                                                                               \
        CU_pSuite suite = CU_add_suite(suite_name, NULL, NULL);                                                     \
        for (unsigned i = 0; i < sizeof(table) / sizeof(table)[0]; i++)                                             \
            CU_add_test(suite, (table)[i].name, (table)[i].run);                                                    \
        CU_basic_set_mode(CU_BRM_NORMAL);                                                                           \
        CU_basic_run_tests();                                                                                       \
        unsigned failed = CU_get_number_of_failures();                                                              \
        CU_cleanup_registry();                                                                                      \
        return failed ? 1 : 0;                                                                                      \
    }

#endif
