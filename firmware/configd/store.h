/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The state folder: startup.conf and secrets.conf, numbered archives of both, and the registrar's identifier.
 *
 * Two files cannot be replaced at one instant. So each saved configuration has a number; its secrets are
 * archived under that number first, and the rename of startup.conf, which carries the number, is the moment
 * that decides. A start that finds secrets.conf of another number takes the archived secrets of the right
 * one.
 */
#ifndef CONFIGD_STORE_H
#define CONFIGD_STORE_H

#include "config/config.h"

enum { STORE_ARCHIVES = 20, STORE_BAD_FILES = 9 };

struct store {
    const char *folder;
    uint32_t last; /* number of the newest archive */
};

/* Makes the folders (0700). ERR_STORAGE. */
int store_open(struct store *s, const char *folder, char *message);

/* The configuration to start with: startup, or the newest good archive, or the factory's file, or the
 * defaults; never NULL but when out of memory. told is called for each thing that an operator must hear of.
 * *clean: the result is what startup.conf says (or the factory's, when there never was another). */
struct config *store_load(struct store *s, const char *factory, bool *clean, void *context,
                          void (*told)(void *context, const char *text));

/* Makes c the startup configuration and *number its archive. ERR_STORAGE: the old one stands. */
int store_save(struct store *s, const struct config *c, uint32_t *number, char *message);

/* The registrar's identifier, chosen at random when there is none; never 0. */
uint32_t store_identifier(struct store *s);

#endif
