/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where encoded parameters lie: pages of blocks of one length, without malloc's word and rounding for each.
 * An empty page goes back to malloc, so that churn through all lengths holds no more memory than what is in
 * use. Long parameters, which are rare, are blocks of malloc.
 */
#include "handlespace/heap.h"
#include "handlespace/policy.h"

#include <string.h>

enum { UNIT = 4, PAGE = 4096, PAGE_OCTETS = PAGE - 2 * sizeof(size_t) };
/* malloc puts the next page right behind one that is short by malloc's own words. */

struct parameter_page {
    struct parameter_page *next, *previous; /* of those of its length that have room */
    uint16_t used, fresh;                   /* blocks in use; octets up to the first block never given out */
    uint16_t free; /* offset of the first free block, which holds the next one's; 0: none */
};
enum { FIRST_BLOCK = (sizeof(struct parameter_page) + UNIT - 1) / UNIT * UNIT };

static size_t block_length(const struct policy *policy, size_t length)
{
    return length + (policy->degrades ? sizeof(uint32_t) : 0);
}

static bool page_has_room(const struct parameter_page *page, size_t length)
{
    return page->free || page->fresh + length <= PAGE_OCTETS;
}

static void list_add(struct parameter_page **list, struct parameter_page *page)
{
    page->previous = NULL;
    page->next = *list;
    if (*list)
        (*list)->previous = page;
    *list = page;
}

static void list_remove(struct parameter_page **list, struct parameter_page *page)
{
    if (page->next)
        page->next->previous = page->previous;
    if (page->previous)
        page->previous->next = page->next;
    else
        *list = page->next;
}

static struct parameter_page *page_new(struct handlespace *h)
{
    void *page;
    if (posix_memalign(&page, PAGE, PAGE_OCTETS) != 0)
        return NULL;
    h->octets += heap_block(page);
    *(struct parameter_page *)page = (struct parameter_page){.fresh = FIRST_BLOCK};
    return page;
}

static uint8_t *block_take(struct handlespace *h, size_t length)
{
    if (length / UNIT >= PARAMETER_CLASSES)
        return heap_take(length, &h->octets);
    struct parameter_page **list = &h->pages[length / UNIT], *page = *list;
    if (!page) {
        if (!(page = page_new(h)))
            return NULL;
        list_add(list, page);
    }
    uint8_t *block = (uint8_t *)page + (page->free ? page->free : page->fresh);
    if (page->free)
        memcpy(&page->free, block, sizeof page->free);
    else
        page->fresh = (uint16_t)(page->fresh + length);
    page->used++;
    if (!page_has_room(page, length))
        list_remove(list, page);
    return block;
}

uint8_t *parameters_take(struct handlespace *h, const struct policy *policy, size_t length)
{
    uint8_t *block = block_take(h, block_length(policy, length));
    if (block && policy->degrades)
        memset(block + length, 0, sizeof(uint32_t));
    return block;
}

void parameters_give(struct handlespace *h, const struct policy *policy, uint8_t *parameter)
{
    size_t length = block_length(policy, element_parameter_length(parameter));
    if (length / UNIT >= PARAMETER_CLASSES) {
        heap_give(parameter, &h->octets);
        return;
    }
    struct parameter_page **list = &h->pages[length / UNIT];
    struct parameter_page *page =
        (struct parameter_page *)(void *)((uintptr_t)parameter & ~(uintptr_t)(PAGE - 1));
    if (!page_has_room(page, length))
        list_add(list, page);
    memcpy(parameter, &page->free, sizeof page->free);
    page->free = (uint16_t)(parameter - (uint8_t *)page);
    if (--page->used == 0) {
        list_remove(list, page);
        heap_give(page, &h->octets);
    }
}
