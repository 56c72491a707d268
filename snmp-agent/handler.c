/* SPDX-License-Identifier: BSD-3-Clause */
/* The tables behind Net-SNMP's raw handler: its request lists and modes on one side, table.c on the other. */
#include "snmp-agent/table.h"

#include "base/error.h"

static void answer(netsnmp_request_info *request, const struct table_column *c, const struct table_cell *cell)
{
    if (c->type == ASN_OCTET_STR)
        snmp_set_var_typed_value(request->requestvb, c->type,
                                 cell->octets.length ? cell->octets.data : (const u_char *)"",
                                 cell->octets.length);
    else
        snmp_set_var_typed_integer(request->requestvb, c->type, (long)cell->number);
}

static int on_get(const struct table_binding *b, const struct table_view *v, netsnmp_request_info *request)
{
    const netsnmp_variable_list *vb = request->requestvb;
    const struct table_column *column;
    struct table_row row;
    struct table_cell cell;

    switch (table_get(b->table, v, vb->name, vb->name_length, &column, &row, &cell)) {
    case TABLE_FOUND:
        answer(request, column, &cell);
        return SNMP_ERR_NOERROR;
    case TABLE_NO_INSTANCE:
        return SNMP_NOSUCHINSTANCE;
    default:
        return SNMP_NOSUCHOBJECT;
    }
}

/* Nothing found: the varbind is left alone and the agent goes on with what is registered next. */
static int on_get_next(const struct table_binding *b, const struct table_view *v,
                       netsnmp_request_info *request)
{
    const netsnmp_variable_list *vb = request->requestvb;
    const struct table_column *column;
    struct table_cell cell;
    oid next[TABLE_NAME_MAX];
    size_t length;

    if (table_get_next(b->table, v, vb->name, vb->name_length, next, &length, &column, &cell) ==
        TABLE_FOUND) {
        snmp_set_var_objid(request->requestvb, next, length);
        answer(request, column, &cell);
    }
    return SNMP_ERR_NOERROR;
}

static int check_set(const struct table_binding *b, const struct table_column *column,
                     enum table_result found, const netsnmp_variable_list *vb, struct octets value)
{
    if (found == TABLE_NO_OBJECT || !column->setter)
        return SNMP_ERR_NOTWRITABLE;
    if (found == TABLE_NO_INSTANCE)
        return SNMP_ERR_NOCREATION;
    if (vb->type != ASN_OCTET_STR)
        return SNMP_ERR_WRONGTYPE;
    return column->setter->check(b->setter_context, value);
}

static int on_set(const struct table_binding *b, const struct table_view *v, netsnmp_request_info *request,
                  int mode)
{
    const netsnmp_variable_list *vb = request->requestvb;
    struct octets value = octets_of(vb->val.string, vb->val_len);
    const struct table_column *column = NULL;
    struct table_row row;
    enum table_result found = table_get(b->table, v, vb->name, vb->name_length, &column, &row, NULL);
    const struct table_setter *setter = column ? column->setter : NULL;

    if (mode == MODE_SET_RESERVE1)
        return check_set(b, column, found, vb, value);
    if (!setter) /* refused in the first phase */
        return SNMP_ERR_NOERROR;
    switch (mode) {
    case MODE_SET_RESERVE2:
        return setter->prepare(b->setter_context);
    case MODE_SET_ACTION:
        return setter->apply(b->setter_context, value);
    case MODE_SET_UNDO: {
        int rc = setter->undo(b->setter_context);
        setter->release(b->setter_context);
        return rc;
    }
    default: /* commit or free: the end either way */
        setter->release(b->setter_context);
        return SNMP_ERR_NOERROR;
    }
}

int table_handler(netsnmp_mib_handler *handler, netsnmp_handler_registration *registration,
                  netsnmp_agent_request_info *info, netsnmp_request_info *requests)
{
    const struct table_binding *b = handler->myvoid;
    const struct table_view v = {.mirror = b->mirror, .now_ms = b->clock()};

    (void)registration;
    for (netsnmp_request_info *r = requests; r; r = r->next) {
        if (r->processed)
            continue;
        int rc = info->mode == MODE_GET       ? on_get(b, &v, r)
                 : info->mode == MODE_GETNEXT ? on_get_next(b, &v, r)
                                              : on_set(b, &v, r, info->mode);
        if (rc != SNMP_ERR_NOERROR)
            netsnmp_set_request_error(info, r, rc);
    }
    return SNMP_ERR_NOERROR;
}

int table_register(struct table_binding *binding)
{
    const struct table *t = binding->table;
    netsnmp_handler_registration *registration = netsnmp_create_handler_registration(
        t->name, table_handler, t->root, t->root_length, HANDLER_CAN_RWRITE);

    if (!registration)
        return ERR_MEMORY;
    registration->handler->myvoid = binding;
    return netsnmp_register_handler(registration) == MIB_REGISTERED_OK ? 0 : ERR_WRONG_STATE;
}
