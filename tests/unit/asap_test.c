/* SPDX-License-Identifier: BSD-3-Clause */
/* The registrar's side of ASAP against a real handlespace and channels that only remember what was sent. */
#include "asap/asap.h"
#include "base/error.h"
#include "base/log.h"
#include "tests/unit/unit.h"

#include <stdlib.h>

enum { REGISTRAR = 0x11223344, SENT_MAX = 4096, CHANNELS = 512, T0 = 1000000 };

struct channel {
    uint64_t number;
    enum transport_kind kind;
    struct address peers[4];
    size_t n_peers;
    uint16_t port;
    void *client;
    bool gone;
};

struct sent {
    struct channel *to;
    uint8_t *data;
    size_t length;
};

static struct fixture {
    struct handlespace *handlespace;
    struct asap *asap;
    struct channel channels[CHANNELS];
    size_t n_channels;
    struct sent sent[SENT_MAX];
    size_t n_sent, read;
    bool refuse_connect;
    size_t connects;
    struct handlespace_event last_event;
    uint32_t removed[64];
    enum handlespace_reason reasons[64];
    size_t n_removed;
} f;

/* --- the fake transport
 * ------------------------------------------------------------------------------------------- */

static int fake_send(void *context, struct channel *c, struct octets message)
{
    (void)context;
    struct sent *s = &f.sent[f.n_sent++ % SENT_MAX];
    free(s->data);
    *s = (struct sent){.to = c, .data = malloc(message.length), .length = message.length};
    memcpy(s->data, message.data, message.length);
    return c->gone ? ERR_CLOSED : 0;
}

static struct channel *fake_find(void *context, uint64_t number)
{
    (void)context;
    for (size_t i = 0; i < f.n_channels; i++)
        if (f.channels[i].number == number && !f.channels[i].gone)
            return &f.channels[i];
    return NULL;
}

static struct channel *channel_add(enum transport_kind kind, const char *address, uint16_t port)
{
    struct channel *c = &f.channels[f.n_channels++];

    *c = (struct channel){.number = 100 + f.n_channels, .kind = kind, .n_peers = 1, .port = port};
    address_parse(address, &c->peers[0]);
    return c;
}

static struct channel *fake_connect(void *context, const struct address *addresses, size_t n, uint16_t port)
{
    (void)context;
    f.connects++;
    if (f.refuse_connect || n == 0)
        return NULL;
    struct channel *c = channel_add(TRANSPORT_SCTP, "0.0.0.0", port);
    c->peers[0] = addresses[0];
    return c;
}

static void fake_close(struct channel *c)
{
    c->gone = true;
}

static uint64_t fake_number(const struct channel *c)
{
    return c->number;
}

static enum transport_kind fake_kind(const struct channel *c)
{
    return c->kind;
}

static size_t fake_peers(const struct channel *c, struct address *out, size_t max, uint16_t *port)
{
    size_t n = c->n_peers < max ? c->n_peers : max;
    memcpy(out, c->peers, n * sizeof *out);
    *port = c->port;
    return n;
}

static bool fake_has_peer(const struct channel *c, const struct address *a)
{
    for (size_t i = 0; i < c->n_peers; i++)
        if (address_equal(&c->peers[i], a))
            return true;
    return false;
}

static void fake_set_client(struct channel *c, void *client)
{
    c->client = client;
}

static void *fake_client(const struct channel *c)
{
    return c->client;
}

static const char *fake_describe(const struct channel *c, char out[ADDRESS_TEXT_MAX + 8])
{
    return address_format_port(&c->peers[0], c->port, out);
}

static void on_changed(void *context, const struct handlespace_event *event)
{
    (void)context;
    f.last_event = *event;
    asap_handlespace_changed(f.asap, event);
    if (event->change == HANDLESPACE_ELEMENT_REMOVED && f.n_removed < 64) {
        f.removed[f.n_removed] = pool_element_identifier(event->element);
        f.reasons[f.n_removed++] = event->reason;
    }
}

static const struct asap_settings usual = {.registrar = REGISTRAR,
                                           .max_subscriptions = 1000,
                                           .max_subscriptions_per_channel = 2,
                                           .max_bad_reports = 3,
                                           .keep_alive_interval_ms = 5000,
                                           .keep_alive_timeout_ms = 4000,
                                           .items = 3};

static void begin_with(const struct asap_settings *settings)
{
    struct handlespace_options h = {.random_seed = 7, .changed = on_changed};
    struct asap_options a = {
        .link = {.send = fake_send,
                 .find = fake_find,
                 .connect = fake_connect,
                 .close = fake_close,
                 .number = fake_number,
                 .kind = fake_kind,
                 .peers = fake_peers,
                 .has_peer = fake_has_peer,
                 .set_client = fake_set_client,
                 .client = fake_client,
                 .describe = fake_describe},
        .random_seed = 12345,
        .settings = *settings,
    };
    memset(&f, 0, sizeof f);
    log_set_level(LOG_CRIT);
    f.handlespace = a.handlespace = handlespace_new(&h);
    f.asap = asap_new(&a);
}

static void end(void)
{
    asap_free(f.asap);
    handlespace_free(f.handlespace);
    for (size_t i = 0; i < SENT_MAX; i++)
        free(f.sent[i].data);
}

static struct channel *open_channel(enum transport_kind kind, const char *address, uint16_t port,
                                    uint64_t now)
{
    struct channel *c = channel_add(kind, address, port);
    asap_opened(f.asap, c, now);
    return c;
}

static void close_channel(struct channel *c, uint64_t now)
{
    asap_closed(f.asap, c, now); /* as the transport does: the channel can still be found meanwhile */
    c->gone = true;
}

/* --- what elements and users send
 * ----------------------------------------------------------------------------------- */

static struct octets handle_of(const char *name)
{
    return octets_of(name, strlen(name));
}

static void deliver(struct channel *c, const struct wire_message *m, uint64_t now)
{
    static uint8_t buffer[WIRE_MESSAGE_MAX + 4];
    int length = wire_write(m, buffer, sizeof buffer);

    CU_ASSERT_FATAL(length > 0);
    asap_message(f.asap, c, WIRE_PPID_ASAP, octets_of(buffer, (size_t)length), now);
}

struct pe {
    const char *pool;
    uint32_t id;
    const char *addresses[3];
    uint32_t policy;
    uint16_t transport, use;
    int32_t life;
    const char *asap_address;
};

static size_t put_addresses(uint8_t *run, size_t capacity, const char *const *texts, size_t n)
{
    struct writer w = writer_of(run, capacity);
    struct address a;

    for (size_t i = 0; i < n && texts[i]; i++)
        if (address_parse(texts[i], &a))
            wire_put_address(&w, &a);
    return writer_used(&w);
}

static void send_registration(struct channel *c, const struct pe *pe, uint64_t now)
{
    uint8_t run[128], asap_run[64];
    struct wire_message m = {.protocol = WIRE_ASAP,
                             .type = ASAP_REGISTRATION,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_POOL_ELEMENT,
                             .pool_handle = handle_of(pe->pool)};

    m.element = (struct wire_pool_element){
        .identifier = pe->id,
        .registration_life = pe->life ? pe->life : 300,
        .user = {.type = pe->transport ? pe->transport : WIRE_SCTP, .port = 7777, .use = pe->use},
        .policy = {.type = pe->policy ? pe->policy : POLICY_RR},
    };
    m.element.user.addresses = octets_of(run, put_addresses(run, sizeof run, pe->addresses, 3));
    if (pe->asap_address)
        m.element.asap = (struct wire_transport){
            .type = WIRE_SCTP,
            .port = 9,
            .addresses = octets_of(asap_run, put_addresses(asap_run, 64, &pe->asap_address, 1))};
    deliver(c, &m, now);
}

static void send_simple(struct channel *c, uint8_t type, const char *pool, uint32_t id, uint64_t now)
{
    struct wire_message m = {.protocol = WIRE_ASAP,
                             .type = type,
                             .present = WIRE_HAS_POOL_HANDLE | WIRE_HAS_PE_IDENTIFIER,
                             .pool_handle = handle_of(pool),
                             .pe_identifier = id};
    deliver(c, &m, now);
}

static void send_resolution(struct channel *c, const char *pool, uint32_t items, uint64_t now)
{
    struct wire_message m = {.protocol = WIRE_ASAP,
                             .type = ASAP_HANDLE_RESOLUTION,
                             .present = WIRE_HAS_POOL_HANDLE | (items ? WIRE_HAS_RESOLUTION_OPTION : 0u),
                             .pool_handle = handle_of(pool),
                             .items_wanted = items};
    deliver(c, &m, now);
}

/* With the S bit. */
static void subscribe(struct channel *c, const char *pool, uint64_t now)
{
    struct wire_message m = {.protocol = WIRE_ASAP,
                             .type = ASAP_HANDLE_RESOLUTION,
                             .flags = ASAP_FLAG_SUBSCRIBE,
                             .present = WIRE_HAS_POOL_HANDLE,
                             .pool_handle = handle_of(pool)};
    deliver(c, &m, now);
}

/* --- what the registrar sent
 * ----------------------------------------------------------------------------------------- */

/* The next message that was sent, parsed; type 0 when there is none. */
static struct wire_message next_sent(struct channel **to)
{
    struct wire_message m = {0};
    struct wire_fault fault;

    if (f.read == f.n_sent)
        return m;
    struct sent *s = &f.sent[f.read++ % SENT_MAX];
    CU_ASSERT_EQUAL(wire_parse(WIRE_ASAP, s->data, s->length, &m, &fault), 0);
    if (to)
        *to = s->to;
    return m;
}

static void forget_sent(void)
{
    f.read = f.n_sent;
}

/* The first cause of an error parameter; -1 when there is none. */
static int cause_of(const struct wire_message *m, struct octets *information)
{
    struct octets run = m->error, ignored;
    uint16_t cause;

    if (!(m->present & WIRE_HAS_ERROR) ||
        !wire_cause_next(&run, &cause, information ? information : &ignored))
        return -1;
    return cause;
}

static void expect_registration(int cause)
{
    struct wire_message m = next_sent(NULL);

    CU_ASSERT_EQUAL(m.type, ASAP_REGISTRATION_RESPONSE);
    CU_ASSERT_EQUAL(m.flags & ASAP_FLAG_REJECT, cause >= 0 ? ASAP_FLAG_REJECT : 0);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), cause);
}

/* Accepted, but with a cause that says why not as a whole. */
static void expect_warning(int cause)
{
    struct wire_message m = next_sent(NULL);

    CU_ASSERT_EQUAL(m.type, ASAP_REGISTRATION_RESPONSE);
    CU_ASSERT_EQUAL(m.flags & ASAP_FLAG_REJECT, 0);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), cause);
}

static struct pool_element *find(const char *pool, uint32_t id)
{
    struct pool *p = handlespace_find_pool(f.handlespace, handle_of(pool));
    return p ? handlespace_find(p, id) : NULL;
}

static size_t count_elements(struct wire_message m)
{
    struct wire_pool_element e;
    size_t n = 0;

    while ((m.present & WIRE_HAS_LIST) && wire_element_next(&m.list, &e))
        n++;
    return n;
}

static const struct pe echo1 = {.pool = "EchoPool", .id = 1, .addresses = {"10.1.0.2"}};

/* --- registration
 * ---------------------------------------------------------------------------------------------------------
 */

static void registers_with_the_association_as_asap_transport(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct wire_pool_element e;

    address_parse("10.2.0.2", &c->peers[c->n_peers++]);
    send_registration(
        c, &(struct pe){.pool = "EchoPool", .id = 1, .addresses = {"10.1.0.2"}, .asap_address = "6.6.6.6"},
        T0);
    expect_registration(-1);
    CU_ASSERT_FATAL(find("EchoPool", 1) != NULL);
    pool_element_decode(find("EchoPool", 1), &e);
    CU_ASSERT_EQUAL(e.home_registrar, REGISTRAR);
    CU_ASSERT_EQUAL(e.asap.type, WIRE_SCTP);
    CU_ASSERT_EQUAL(e.asap.port, 4711);
    struct address a;
    CU_ASSERT(wire_address_next(&e.asap.addresses, &a) && address_equal(&a, &c->peers[0]));
    CU_ASSERT(wire_address_next(&e.asap.addresses, &a) && address_equal(&a, &c->peers[1]));
    CU_ASSERT(!wire_address_next(&e.asap.addresses, &a));
    end();
}

static void foreign_user_addresses_are_dropped_or_refused(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct wire_pool_element e;
    struct address a;

    send_registration(c, &(struct pe){.pool = "EchoPool", .id = 1, .addresses = {"192.0.2.9"}}, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    send_registration(c, &(struct pe){.pool = "EchoPool", .id = 1}, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    send_registration(
        c, &(struct pe){.pool = "EchoPool", .id = 1, .addresses = {"192.0.2.9", "10.1.0.2", "2001:db8::1"}},
        T0);
    expect_warning(WIRE_CAUSE_INVALID_VALUES);
    pool_element_decode(find("EchoPool", 1), &e);
    CU_ASSERT(wire_address_next(&e.user.addresses, &a) && address_equal(&a, &c->peers[0]));
    CU_ASSERT(!wire_address_next(&e.user.addresses, &a));
    end();
}

static void user_addresses_outside_the_networks_are_dropped_or_refused(void)
{
    static const struct {
        const char *network;
        uint8_t bits;
        int cause;
        const char *kept;
    } rows[] = {
        {"10.1.0.0", 16, -1, "10.1.0.2"},
        {"10.2.0.0", 15, -1, "10.2.0.2"},
        {"10.1.0.2", 32, -1, "10.1.0.2"},
        {"10.1.0.3", 32, WIRE_CAUSE_INVALID_VALUES, NULL},
        {"10.128.0.0", 9, WIRE_CAUSE_INVALID_VALUES, NULL},
        {"2001:db8::", 33, -1, "2001:db8::2"},
        {"2001:db8:8000::", 33, WIRE_CAUSE_INVALID_VALUES, NULL},
        {"::", 0, -1, "2001:db8::2"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct asap_settings s = usual;
        s.n_networks = 1;
        s.networks[0].bits = rows[i].bits;
        address_parse(rows[i].network, &s.networks[0].address);
        begin_with(&s);
        struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4000, T0);
        address_parse("10.2.0.2", &c->peers[1]);
        address_parse("2001:db8::2", &c->peers[2]);
        c->n_peers = 3;
        send_registration(
            c, &(struct pe){.pool = "P", .id = 1, .addresses = {"10.1.0.2", "10.2.0.2", "2001:db8::2"}}, T0);
        if (rows[i].kept)
            expect_warning(WIRE_CAUSE_INVALID_VALUES);
        else
            expect_registration(rows[i].cause);
        if (rows[i].kept) {
            struct wire_pool_element e;
            struct address kept, wanted;
            pool_element_decode(find("P", 1), &e);
            address_parse(rows[i].kept, &wanted);
            CU_ASSERT(wire_address_next(&e.user.addresses, &kept) && address_equal(&kept, &wanted));
            CU_ASSERT(!wire_address_next(&e.user.addresses, &kept));
            CU_ASSERT_EQUAL(asap_statistics(f.asap)->addresses_dropped, 2);
        } else {
            CU_ASSERT_PTR_NULL(find("P", 1));
        }
        end();
    }
}

static void a_wrong_value_is_answered_by_a_refusal(void)
{
    /* Pool handle "P", and an element 0x21 whose SCTP user transport has a port but no address. */
    static const uint8_t none[] = {1,  0, 0,    44,   0,    9, 0, 5, 'P', 0, 0, 0, 0,  10, 0,
                                   32, 0, 0,    0,    0x21, 0, 0, 0, 0,   0, 0, 0, 60, 0,  4,
                                   0,  8, 0x1e, 0x61, 0,    0, 0, 8, 0,   8, 0, 0, 0,  1};
    struct octets information;
    struct wire_message m;

    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4000, T0);
    asap_message(f.asap, c, WIRE_PPID_ASAP, octets_of(none, sizeof none), T0);
    m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_REGISTRATION_RESPONSE);
    CU_ASSERT_EQUAL(m.flags & ASAP_FLAG_REJECT, ASAP_FLAG_REJECT);
    CU_ASSERT_EQUAL(m.pe_identifier, 0x21);
    CU_ASSERT(octets_equal(m.pool_handle, handle_of("P")));
    CU_ASSERT_EQUAL(cause_of(&m, &information), WIRE_CAUSE_INVALID_VALUES);
    CU_ASSERT(octets_equal(information, octets_of(none + 28, 8))); /* the transport is quoted */
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0);
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->malformed, 1);
    CU_ASSERT_PTR_NULL(find("P", 0x21));
    end();
}

static void an_element_over_the_limit_of_size_is_refused(void)
{
    struct asap_settings s = usual;
    struct pe pe = {.pool = "P", .id = 1, .addresses = {"10.1.0.2"}};

    s.max_element_size = 16 + 16 + 8; /* with one address, without an ASAP transport */
    begin_with(&s);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4000, T0);
    send_registration(c, &pe, T0);
    expect_registration(-1);
    pe.addresses[1] = "10.2.0.2";
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    end();
}

static void what_does_not_fit_the_pool_is_refused_with_its_cause(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct octets information = {0};
    struct pe pe = echo1;
    char longer[300];

    send_registration(c, &pe, T0);
    expect_registration(-1);
    pe.id = 2;
    pe.policy = POLICY_LU;
    send_registration(c, &pe, T0);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(cause_of(&m, &information), WIRE_CAUSE_INCONSISTENT_POLICY);
    /* RFC 5354, 3.12.6: the pool's policy is quoted. */
    CU_ASSERT_EQUAL(information.length, 8);
    CU_ASSERT_EQUAL(octets_load32(information.data + 4), POLICY_RR);
    pe.policy = POLICY_RR;
    pe.transport = WIRE_UDP;
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INCONSISTENT_TRANSPORT);
    pe.transport = WIRE_SCTP;
    pe.use = WIRE_USE_DATA_PLUS_CONTROL;
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INCONSISTENT_DATA_CONTROL);
    pe = (struct pe){.pool = "Other", .id = 3, .addresses = {"10.1.0.2"}, .policy = 0x12345678};
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    memset(longer, 'x', sizeof longer);
    longer[256] = 0;
    pe = (struct pe){.pool = longer, .id = 3, .addresses = {"10.1.0.2"}};
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    pe = (struct pe){.pool = "Other", .id = 3, .addresses = {"10.1.0.2"}, .life = -5};
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    CU_ASSERT_EQUAL(handlespace_elements(f.handlespace), 1);
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->rejected[WIRE_CAUSE_INVALID_VALUES], 3);
    end();
}

static void a_full_handlespace_is_a_lack_of_resources(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;

    handlespace_set_limits(f.handlespace, 10, 1, 255);
    send_registration(c, &pe, T0);
    expect_registration(-1);
    pe.id = 2;
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_LACK_OF_RESOURCES);
    end();
}

static void only_its_own_host_changes_an_element(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct channel *stranger = open_channel(TRANSPORT_SCTP, "10.1.0.66", 4711, T0);
    struct channel *again = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4712, T0);

    send_registration(c, &echo1, T0);
    expect_registration(-1);
    send_registration(stranger, &(struct pe){.pool = "EchoPool", .id = 1, .addresses = {"10.1.0.66"}}, T0);
    expect_registration(WIRE_CAUSE_NON_UNIQUE_PE_IDENTIFIER);
    send_simple(stranger, ASAP_DEREGISTRATION, "EchoPool", 1, T0);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_DEREGISTRATION_RESPONSE);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), WIRE_CAUSE_SECURITY);
    CU_ASSERT_PTR_NOT_NULL_FATAL(find("EchoPool", 1));
    send_registration(again, &echo1, T0);
    expect_registration(-1);
    CU_ASSERT_EQUAL(pool_element_channel(find("EchoPool", 1)), again->number);
    send_simple(again, ASAP_DEREGISTRATION, "EchoPool", 1, T0);
    m = next_sent(NULL);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), -1);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_EQUAL(f.reasons[0], HANDLESPACE_DEREGISTERED);
    /* What is not there is granted (RFC 5352, 3.2). */
    send_simple(stranger, ASAP_DEREGISTRATION, "EchoPool", 1, T0);
    m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_DEREGISTRATION_RESPONSE);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), -1);
    end();
}

static void life_in_seconds_ends_with_a_deregistration_response(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;

    pe.life = 2;
    send_registration(c, &pe, T0);
    forget_sent();
    asap_tick(f.asap, T0 + 1999);
    CU_ASSERT_PTR_NOT_NULL(find("EchoPool", 1));
    asap_tick(f.asap, T0 + 2000);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_EQUAL(f.reasons[0], HANDLESPACE_EXPIRED);
    CU_ASSERT_EQUAL(next_sent(NULL).type, ASAP_DEREGISTRATION_RESPONSE);
    pe.life = WIRE_LIFE_FOREVER;
    send_registration(c, &pe, T0);
    CU_ASSERT_EQUAL(pool_element_deadline(find("EchoPool", 1), DEADLINE_REGISTRATION), HANDLESPACE_NEVER);
    end();
}

static void compat_takes_milliseconds_and_32_octets(void)
{
    struct asap_settings s = usual;
    s.compat_rsplib = true;
    begin_with(&s);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;
    struct wire_pool_element e;

    pe.life = 90000;
    send_registration(c, &pe, T0);
    expect_registration(-1);
    CU_ASSERT_EQUAL(pool_element_deadline(find("EchoPool", 1), DEADLINE_REGISTRATION), T0 + 90000);
    pool_element_decode(find("EchoPool", 1), &e);
    CU_ASSERT_EQUAL(e.registration_life, 90);
    pe.pool = "123456789012345678901234567890123";
    send_registration(c, &pe, T0);
    expect_registration(WIRE_CAUSE_INVALID_VALUES);
    end();
}

/* --- resolution
 * ------------------------------------------------------------------------------------------------------------
 */

static void resolution_gives_as_many_as_wanted(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0), *to;
    struct channel *pu = open_channel(TRANSPORT_TCP, "10.1.0.3", 4000, T0);
    struct pe pe = echo1;

    for (pe.id = 1; pe.id <= 10; pe.id++)
        send_registration(c, &pe, T0);
    forget_sent();
    send_resolution(pu, "EchoPool", 0, T0);
    struct wire_message m = next_sent(&to);
    CU_ASSERT_PTR_EQUAL(to, pu);
    CU_ASSERT_EQUAL(m.type, ASAP_HANDLE_RESOLUTION_RESPONSE);
    CU_ASSERT_EQUAL(m.policy.type, POLICY_RR);
    CU_ASSERT_EQUAL(count_elements(m), 3);
    send_resolution(pu, "EchoPool", 7, T0);
    CU_ASSERT_EQUAL(count_elements(next_sent(NULL)), 7);
    send_resolution(pu, "EchoPool", UINT32_MAX, T0);
    CU_ASSERT_EQUAL(count_elements(next_sent(NULL)), 10);
    send_resolution(pu, "Unknown", 1, T0);
    m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_HANDLE_RESOLUTION_RESPONSE);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), WIRE_CAUSE_UNKNOWN_POOL_HANDLE);
    CU_ASSERT_EQUAL(count_elements(m), 0);
    end();
}

static void resolution_stays_within_one_message(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;

    for (pe.id = 1; pe.id <= 3000; pe.id++)
        send_registration(c, &pe, T0);
    forget_sent();
    send_resolution(c, "EchoPool", UINT32_MAX, T0);
    CU_ASSERT(f.sent[f.read % SENT_MAX].length <= WIRE_MESSAGE_MAX);
    CU_ASSERT(f.sent[f.read % SENT_MAX].length > 60000);
    CU_ASSERT(count_elements(next_sent(NULL)) > 800);
    end();
}

/* --- keep-alive
 * --------------------------------------------------------------------------------------------------------------
 */

static void expect_resolution(struct channel *to, uint8_t flags, size_t elements)
{
    struct channel *got = NULL;
    struct wire_message m = next_sent(&got);

    CU_ASSERT_EQUAL(m.type, ASAP_HANDLE_RESOLUTION_RESPONSE);
    CU_ASSERT_PTR_EQUAL(got, to);
    CU_ASSERT_EQUAL(m.flags, flags);
    CU_ASSERT_EQUAL(count_elements(m), elements);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), elements ? -1 : WIRE_CAUSE_UNKNOWN_POOL_HANDLE);
}

static void nothing_sent(void)
{
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0);
}

static struct channel *pool_of_one(void)
{
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4000, T0);
    send_registration(c, &(struct pe){.pool = "P", .id = 1, .addresses = {"10.1.0.2"}}, T0);
    forget_sent();
    return c;
}

static void a_subscriber_hears_of_changes_and_of_the_end(void)
{
    struct pe second = {.pool = "P", .id = 2, .addresses = {"10.1.0.2"}};

    begin_with(&usual);
    struct channel *pe = pool_of_one();
    struct channel *with = open_channel(TRANSPORT_SCTP, "10.1.0.3", 5000, T0);
    struct channel *without = open_channel(TRANSPORT_SCTP, "10.1.0.4", 5000, T0);
    subscribe(with, "P", T0);
    expect_resolution(with, ASAP_FLAG_ACCEPT, 1);
    send_resolution(without, "P", 0, T0);
    expect_resolution(without, 0, 1);
    send_registration(pe, &second, T0);
    expect_registration(-1);
    CU_ASSERT_EQUAL(asap_next_deadline(f.asap), T0 + 100);
    asap_tick(f.asap, T0 + 99);
    nothing_sent();
    second.id = 3; /* and one more before the first was told */
    send_registration(pe, &second, T0 + 99);
    expect_registration(-1);
    asap_tick(f.asap, T0 + 100);
    expect_resolution(with, ASAP_FLAG_ACCEPT, 3);
    nothing_sent();
    send_registration(pe, &second, T0 + 200); /* changes nothing */
    expect_registration(-1);
    asap_tick(f.asap, T0 + 400);
    nothing_sent();
    for (uint32_t id = 1; id <= 3; id++)
        send_simple(pe, ASAP_DEREGISTRATION, "P", id, T0 + 500);
    forget_sent();
    asap_tick(f.asap, T0 + 600);
    expect_resolution(with, 0, 0);
    send_registration(pe, &second, T0 + 700); /* RFC 5352, 2.2.5: no updates when the pool comes again */
    expect_registration(-1);
    asap_tick(f.asap, T0 + 900);
    nothing_sent();
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->notifications, 2);
    end();
}

static void a_pool_that_is_back_at_once_keeps_its_subscribers(void)
{
    struct pe again = {.pool = "P", .id = 9, .addresses = {"10.1.0.2"}};

    begin_with(&usual);
    struct channel *pe = pool_of_one();
    struct channel *user = open_channel(TRANSPORT_SCTP, "10.1.0.3", 5000, T0);
    subscribe(user, "P", T0);
    send_simple(pe, ASAP_DEREGISTRATION, "P", 1, T0);
    send_registration(pe, &again, T0 + 1);
    forget_sent();
    asap_tick(f.asap, T0 + 100);
    expect_resolution(user, ASAP_FLAG_ACCEPT, 1);
    again.id = 10;
    send_registration(pe, &again, T0 + 200);
    forget_sent();
    asap_tick(f.asap, T0 + 300);
    expect_resolution(user, ASAP_FLAG_ACCEPT, 2);
    end();
}

static void subscriptions_are_limited_and_end_with_their_channel(void)
{
    struct asap_settings s = usual;
    const char *pools[] = {"A", "B", "C"};

    s.max_subscriptions = 3;
    begin_with(&s);
    struct channel *pe = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4000, T0);
    for (int i = 0; i < 3; i++)
        send_registration(pe, &(struct pe){.pool = pools[i], .id = 1, .addresses = {"10.1.0.2"}}, T0);
    forget_sent();
    struct channel *one = open_channel(TRANSPORT_SCTP, "10.1.0.3", 5000, T0);
    struct channel *two = open_channel(TRANSPORT_SCTP, "10.1.0.4", 5000, T0);
    for (int twice = 0; twice < 2; twice++) /* the same one again costs nothing */
        for (int i = 0; i < 3; i++) {
            subscribe(one, pools[i], T0);
            expect_resolution(one, i < 2 ? ASAP_FLAG_ACCEPT : 0, 1);
        }
    subscribe(two, "A", T0);
    expect_resolution(two, ASAP_FLAG_ACCEPT, 1);
    subscribe(two, "B", T0);
    expect_resolution(two, 0, 1); /* of its own it has one only, but there are three in all */
    close_channel(one, T0);
    subscribe(two, "B", T0);
    expect_resolution(two, ASAP_FLAG_ACCEPT, 1);
    subscribe(two, "nothing", T0);
    expect_resolution(two, 0, 0);
    end();
}

static void a_tick_tells_a_bounded_number_of_subscribers(void)
{
    enum { USERS = 300, TICK = 256 };
    struct channel *users[USERS];

    begin_with(&usual);
    struct channel *pe = pool_of_one();
    for (int i = 0; i < USERS; i++) {
        users[i] = open_channel(TRANSPORT_TCP, "10.1.0.3", (uint16_t)(5000 + i), T0);
        subscribe(users[i], "P", T0);
    }
    send_registration(pe, &(struct pe){.pool = "P", .id = 2, .addresses = {"10.1.0.2"}}, T0);
    forget_sent();
    asap_tick(f.asap, T0 + 100);
    CU_ASSERT_EQUAL(f.n_sent - f.read, TICK);
    forget_sent();
    CU_ASSERT(asap_next_deadline(f.asap) <= T0 + 100);
    /* The one that is next goes, and the pool changes while it is served. */
    close_channel(users[TICK], T0 + 100);
    send_registration(pe, &(struct pe){.pool = "P", .id = 3, .addresses = {"10.1.0.2"}}, T0 + 100);
    expect_registration(-1);
    asap_tick(f.asap, T0 + 100);
    CU_ASSERT_EQUAL(f.n_sent - f.read, USERS - TICK - 1);
    forget_sent();
    asap_tick(f.asap, T0 + 200);
    CU_ASSERT_EQUAL(f.n_sent - f.read, TICK);
    asap_tick(f.asap, T0 + 200);
    CU_ASSERT_EQUAL(f.n_sent - f.read, USERS - 1);
    CU_ASSERT(asap_next_deadline(f.asap) > T0 + 200);
    end();
}

static void keep_alives_are_spread_and_answered(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;
    uint64_t least = UINT64_MAX, most = 0;

    for (pe.id = 1; pe.id <= 500; pe.id++) {
        send_registration(c, &pe, T0);
        uint64_t at = pool_element_deadline(find("EchoPool", pe.id), DEADLINE_KEEP_ALIVE) - T0;
        least = at < least ? at : least;
        most = at > most ? at : most;
    }
    CU_ASSERT(least >= 2500 && least < 3000);
    CU_ASSERT(most <= 7500 && most > 7000);
    uint64_t now = pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE);
    forget_sent();
    while (handlespace_next_deadline(f.handlespace) <= now)
        asap_tick(f.asap, now);
    struct wire_message m;
    do
        m = next_sent(NULL);
    while (m.type && m.pe_identifier != 1);
    CU_ASSERT_EQUAL_FATAL(m.type, ASAP_ENDPOINT_KEEP_ALIVE);
    CU_ASSERT_EQUAL(m.registrar, REGISTRAR);
    CU_ASSERT_EQUAL(m.flags & ASAP_FLAG_HOME, 0);
    CU_ASSERT(m.present & WIRE_HAS_PE_IDENTIFIER);
    CU_ASSERT_EQUAL(pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE_TIMEOUT), now + 4000);
    send_simple(c, ASAP_ENDPOINT_KEEP_ALIVE_ACK, "EchoPool", 1, now + 10);
    uint64_t next = pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE);
    CU_ASSERT(next >= now + 2510 && next <= now + 7510);
    end();
}

static void an_unanswered_keep_alive_removes(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct channel *stranger = open_channel(TRANSPORT_SCTP, "10.1.0.66", 4711, T0);

    send_registration(c, &echo1, T0);
    uint64_t now = pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE);
    asap_tick(f.asap, now);
    /* Another host cannot answer for it. */
    send_simple(stranger, ASAP_ENDPOINT_KEEP_ALIVE_ACK, "EchoPool", 1, now);
    asap_tick(f.asap, now + 3999);
    CU_ASSERT_PTR_NOT_NULL(find("EchoPool", 1));
    asap_tick(f.asap, now + 4000);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_EQUAL(f.reasons[0], HANDLESPACE_UNREACHABLE);
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->elements_lost, 1);
    end();
}

static void a_reregistration_counts_as_an_answer(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);

    send_registration(c, &echo1, T0);
    uint64_t now = pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE);
    asap_tick(f.asap, now);
    send_registration(c, &echo1, now + 1);
    CU_ASSERT_EQUAL(pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE_TIMEOUT),
                    HANDLESPACE_NEVER);
    CU_ASSERT_NOT_EQUAL(pool_element_deadline(find("EchoPool", 1), DEADLINE_KEEP_ALIVE), HANDLESPACE_NEVER);
    end();
}

static void reports_probe_at_once_and_remove_above_the_threshold(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0), *to;
    struct channel *pu = open_channel(TRANSPORT_TCP, "10.1.0.3", 4000, T0);

    send_registration(c, &echo1, T0);
    forget_sent();
    send_simple(pu, ASAP_ENDPOINT_UNREACHABLE, "EchoPool", 1, T0);
    struct wire_message m = next_sent(&to);
    CU_ASSERT_EQUAL(m.type, ASAP_ENDPOINT_KEEP_ALIVE);
    CU_ASSERT_PTR_EQUAL(to, c);
    CU_ASSERT_EQUAL(m.flags & ASAP_FLAG_HOME, 0);
    send_simple(pu, ASAP_ENDPOINT_UNREACHABLE, "EchoPool", 1, T0);
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0); /* one keep-alive at a time */
    send_registration(c, &echo1, T0);
    CU_ASSERT_EQUAL(pool_element_reports(find("EchoPool", 1)), 0);
    for (int i = 0; i < 3; i++)
        send_simple(pu, ASAP_ENDPOINT_UNREACHABLE, "EchoPool", 1, T0);
    CU_ASSERT_PTR_NOT_NULL(find("EchoPool", 1));
    send_simple(pu, ASAP_ENDPOINT_UNREACHABLE, "EchoPool", 1, T0);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_EQUAL(f.reasons[0], HANDLESPACE_UNREACHABLE);
    end();
}

static void reports_cannot_flood_an_element_with_keep_alives(void)
{
    struct asap_settings s = usual;
    unsigned keep_alives = 0;

    s.max_bad_reports = 1000;
    begin_with(&s);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct channel *pu = open_channel(TRANSPORT_TCP, "10.1.0.3", 4000, T0);
    send_registration(c, &echo1, T0);
    forget_sent();
    for (uint64_t now = T0; now < T0 + 2500; now += 100) { /* it answers each at once */
        send_simple(pu, ASAP_ENDPOINT_UNREACHABLE, "EchoPool", 1, now);
        keep_alives += next_sent(NULL).type == ASAP_ENDPOINT_KEEP_ALIVE;
        send_simple(c, ASAP_ENDPOINT_KEEP_ALIVE_ACK, "EchoPool", 1, now);
    }
    CU_ASSERT_EQUAL(keep_alives, 3); /* at 0, 1 and 2 seconds */
    CU_ASSERT_EQUAL(pool_element_reports(find("EchoPool", 1)), 25);
    end();
}

static void many_elements_of_a_lost_association_are_probed_in_the_course_of_an_interval(void)
{
    enum { ELEMENTS = 400, AT_ONCE = 64, SLICES = 10 };
    size_t probed = AT_ONCE, most = 0;

    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;
    for (pe.id = 1; pe.id <= ELEMENTS; pe.id++)
        send_registration(c, &pe, T0);
    forget_sent();
    close_channel(c, T0);
    CU_ASSERT_EQUAL(f.connects, 1);
    asap_opened(f.asap, &f.channels[1], T0);
    CU_ASSERT_EQUAL(f.n_sent - f.read, AT_ONCE);
    forget_sent();
    for (uint32_t id = 1; id <= ELEMENTS;
         id++) /* who was asked answers, so that it is not asked again soon */
        if (pool_element_deadline(find("EchoPool", id), DEADLINE_KEEP_ALIVE_TIMEOUT))
            pool_element_set_deadline(f.handlespace, find("EchoPool", id), DEADLINE_KEEP_ALIVE_TIMEOUT,
                                      T0 + 9000);
    for (unsigned i = 1; i <= SLICES; i++) {
        asap_tick(f.asap, T0 + 5000 / SLICES * i);
        size_t n = f.n_sent - f.read;
        most = n > most ? n : most;
        probed += n;
        forget_sent();
        for (uint32_t id = 1; id <= ELEMENTS; id++)
            if (pool_element_deadline(find("EchoPool", id), DEADLINE_KEEP_ALIVE_TIMEOUT))
                pool_element_set_deadline(f.handlespace, find("EchoPool", id), DEADLINE_KEEP_ALIVE_TIMEOUT,
                                          T0 + 9000);
    }
    CU_ASSERT_EQUAL(probed, ELEMENTS);
    CU_ASSERT(most < 2 * (ELEMENTS - AT_ONCE) / SLICES);
    CU_ASSERT_EQUAL(f.connects, 1);
    end();
}

static void a_lost_association_is_replaced_by_one_to_the_asap_transport(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0), *to;
    struct pe pe = echo1;

    for (pe.id = 1; pe.id <= 3; pe.id++)
        send_registration(c, &pe, T0);
    forget_sent();
    close_channel(c, T0 + 10);
    CU_ASSERT_EQUAL(f.connects, 1); /* one for all three */
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0);
    struct channel *new = &f.channels[1];
    CU_ASSERT_EQUAL(new->port, 4711);
    asap_opened(f.asap, new, T0 + 20);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(next_sent(&to).type, ASAP_ENDPOINT_KEEP_ALIVE);
        CU_ASSERT_PTR_EQUAL(to, new);
    }
    send_simple(new, ASAP_ENDPOINT_KEEP_ALIVE_ACK, "EchoPool", 1, T0 + 30);
    asap_tick(f.asap, T0 + 10 + 4000);
    CU_ASSERT_PTR_NOT_NULL(find("EchoPool", 1));
    CU_ASSERT_PTR_NULL(find("EchoPool", 2));
    CU_ASSERT_PTR_NULL(find("EchoPool", 3));
    end();
}

static void an_element_that_cannot_be_reached_is_removed_at_once(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);

    send_registration(c, &echo1, T0);
    close_channel(c, T0 + 10);
    close_channel(&f.channels[1], T0 + 20); /* refused before it opened */
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_EQUAL(f.reasons[0], HANDLESPACE_UNREACHABLE);
    end();
}

static void a_lost_tcp_connection_gives_a_timeout_to_come_back(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_TCP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;
    struct wire_pool_element e;

    pe.asap_address = "6.6.6.6"; /* must not make us call others */
    send_registration(c, &pe, T0);
    expect_registration(-1);
    pe.id = 2;
    send_registration(c, &pe, T0);
    pool_element_decode(find("EchoPool", 1), &e);
    CU_ASSERT_EQUAL(e.asap.type, 0);
    close_channel(c, T0 + 10);
    CU_ASSERT_EQUAL(f.connects, 0);
    struct channel *again = open_channel(TRANSPORT_TCP, "10.1.0.2", 4712, T0 + 20);
    send_registration(again, &pe, T0 + 20);
    asap_tick(f.asap, T0 + 4010);
    CU_ASSERT_PTR_NULL(find("EchoPool", 1));
    CU_ASSERT_PTR_NOT_NULL(find("EchoPool", 2));
    end();
}

static void an_element_that_moved_is_not_touched_by_its_old_channel(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct channel *other = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4712, T0);
    struct pe pe = echo1;

    send_registration(c, &pe, T0);
    send_registration(other, &pe, T0); /* moved by itself */
    pe.id = 2;
    send_registration(c, &pe, T0);
    handlespace_remove(f.handlespace, find("EchoPool", 2), HANDLESPACE_ADMIN);
    send_registration(other, &pe, T0); /* came anew elsewhere */
    close_channel(c, T0 + 10);
    CU_ASSERT_EQUAL(f.connects, 0);
    for (uint32_t id = 1; id <= 2; id++) {
        CU_ASSERT_EQUAL(pool_element_channel(find("EchoPool", id)), other->number);
        CU_ASSERT_EQUAL(pool_element_deadline(find("EchoPool", id), DEADLINE_KEEP_ALIVE_TIMEOUT),
                        HANDLESPACE_NEVER);
    }
    end();
}

static void churn_on_one_channel_keeps_its_elements_apart(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct pe pe = echo1;

    for (uint32_t round = 0; round < 200; round++) {
        pe.id = 1 + round % 7;
        send_registration(c, &pe, T0);
        if (round % 3 == 0)
            handlespace_remove(f.handlespace, find("EchoPool", pe.id), HANDLESPACE_ADMIN);
        else if (round % 3 == 1)
            send_simple(c, ASAP_DEREGISTRATION, "EchoPool", pe.id, T0);
    }
    uint32_t left = handlespace_elements(f.handlespace);
    CU_ASSERT(left > 0);
    f.n_removed = 0;
    f.refuse_connect = true;
    close_channel(c, T0 + 10);
    asap_tick(f.asap, T0 + 5000);
    CU_ASSERT_EQUAL(f.n_removed, left);
    CU_ASSERT_EQUAL(handlespace_elements(f.handlespace), 0);
    end();
}

static struct pool_element *foreign_element(void)
{
    uint8_t run[64];
    const char *address = "10.1.0.2";
    struct wire_pool_element e = {.identifier = 9,
                                  .home_registrar = 0x55,
                                  .registration_life = 300,
                                  .policy = {.type = POLICY_RR},
                                  .user = {.type = WIRE_SCTP,
                                           .port = 1,
                                           .addresses = octets_of(run, put_addresses(run, 64, &address, 1))}};
    e.asap = e.user;
    e.asap.port = 4711;
    struct pool_element *pe;
    CU_ASSERT_EQUAL(handlespace_register(f.handlespace, handle_of("P"), &e, T0, HANDLESPACE_PEER, &pe), 0);
    return pe;
}

static void adoption_sends_the_home_flag(void)
{
    begin_with(&usual);
    struct pool_element *pe = foreign_element();
    handlespace_set_owner(f.handlespace, pe, REGISTRAR);
    asap_adopt(f.asap, pe, T0 + 7);
    asap_tick(f.asap, T0 + 6);
    CU_ASSERT_EQUAL(f.connects, 0);
    asap_tick(f.asap, T0 + 7);
    CU_ASSERT_EQUAL_FATAL(f.connects, 1);
    asap_opened(f.asap, &f.channels[0], T0 + 8);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_ENDPOINT_KEEP_ALIVE);
    CU_ASSERT(m.flags & ASAP_FLAG_HOME);
    send_simple(&f.channels[0], ASAP_ENDPOINT_KEEP_ALIVE_ACK, "P", 9, T0 + 9);
    CU_ASSERT_NOT_EQUAL(pool_element_deadline(pe, DEADLINE_KEEP_ALIVE), HANDLESPACE_NEVER);
    asap_tick(f.asap, pool_element_deadline(pe, DEADLINE_KEEP_ALIVE));
    m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_ENDPOINT_KEEP_ALIVE);
    CU_ASSERT_FALSE(m.flags & ASAP_FLAG_HOME); /* it knows */
    end();
}

static void a_claimed_element_comes_when_it_answers(void)
{
    begin_with(&usual);
    struct pool_element *pe = foreign_element();
    asap_claim(f.asap, pe, T0);
    CU_ASSERT_EQUAL_FATAL(f.connects, 1);
    asap_opened(f.asap, &f.channels[0], T0 + 1);
    CU_ASSERT(next_sent(NULL).flags & ASAP_FLAG_HOME);
    CU_ASSERT_EQUAL(pool_element_owner(pe), 0x55);
    send_simple(&f.channels[0], ASAP_ENDPOINT_KEEP_ALIVE_ACK, "P", 9, T0 + 2);
    CU_ASSERT_EQUAL(pool_element_owner(pe), REGISTRAR);
    CU_ASSERT_NOT_EQUAL(pool_element_deadline(pe, DEADLINE_KEEP_ALIVE), HANDLESPACE_NEVER);
    end();
}

static void a_claimed_element_that_does_not_answer_stays_where_it_is(void)
{
    begin_with(&usual);
    struct pool_element *pe = foreign_element();
    asap_claim(f.asap, pe, T0);
    close_channel(&f.channels[0], T0 + 10); /* can't be reached from here */
    CU_ASSERT_PTR_EQUAL(find("P", 9), pe);
    asap_claim(f.asap, pe, T0 + 20);
    asap_opened(f.asap, &f.channels[1], T0 + 21);
    asap_tick(f.asap, T0 + 20 + 10000); /* or does not answer */
    CU_ASSERT_PTR_EQUAL(find("P", 9), pe);
    CU_ASSERT_EQUAL(pool_element_owner(pe), 0x55);
    CU_ASSERT_EQUAL(pool_element_deadline(pe, DEADLINE_KEEP_ALIVE_TIMEOUT), HANDLESPACE_NEVER);
    end();
}

/* --- hostile and strange input
 * ------------------------------------------------------------------------------------------- */

static void a_channel_over_its_rate_is_told_so(void)
{
    struct asap_settings s = usual;
    s.requests_per_second = 5;
    begin_with(&s);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);

    send_registration(c, &echo1, T0);
    for (int i = 0; i < 4; i++)
        send_resolution(c, "EchoPool", 1, T0);
    forget_sent();
    send_resolution(c, "EchoPool", 1, T0);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_HANDLE_RESOLUTION_RESPONSE);
    CU_ASSERT_EQUAL(cause_of(&m, NULL), WIRE_CAUSE_LACK_OF_RESOURCES);
    send_registration(c, &echo1, T0);
    expect_registration(WIRE_CAUSE_LACK_OF_RESOURCES);
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->overload, 2);
    send_resolution(c, "EchoPool", 1, T0 + 200);
    CU_ASSERT_EQUAL(count_elements(next_sent(NULL)), 1);
    end();
}

static void deliver_octets(struct channel *c, const void *data, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1); /* exact, so that sanitizers see a read beyond */
    memcpy(copy, data, length);
    asap_message(f.asap, c, WIRE_PPID_ASAP, octets_of(copy, length), T0);
    free(copy);
}

static void unknown_messages_are_reported_and_errors_are_not(void)
{
    static const uint8_t unknown[8] = {0x5f, 0, 0, 8, 1, 2, 3, 4}, cut[3] = {1, 0, 0};
    /* An ASAP_ERROR and a resolution, each with a parameter of type bits 01: stop and report. */
    static const uint8_t error[12] = {ASAP_ERROR, 0, 0, 12, 0x40, 0x77, 0, 8, 0, 0, 0, 4},
                         stopped[12] = {ASAP_HANDLE_RESOLUTION, 0, 0, 12, 0x40, 0x77, 0, 8, 0, 0, 0, 4};
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct octets information = {0};

    deliver_octets(c, unknown, sizeof unknown);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_ERROR);
    CU_ASSERT_EQUAL(cause_of(&m, &information), WIRE_CAUSE_UNRECOGNIZED_MESSAGE);
    CU_ASSERT_EQUAL(information.length, 8);
    forget_sent();
    deliver_octets(c, stopped, sizeof stopped);
    CU_ASSERT_EQUAL(next_sent(NULL).type, ASAP_ERROR);
    deliver_octets(c, error, sizeof error);
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0);
    deliver_octets(c, cut, sizeof cut);
    deliver_octets(c, cut, 0);
    CU_ASSERT(asap_statistics(f.asap)->malformed >= 2);
    /* Known, but not for a registrar: dropped. */
    forget_sent();
    send_simple(c, ASAP_REGISTRATION_RESPONSE, "EchoPool", 1, T0);
    CU_ASSERT_EQUAL(next_sent(NULL).type, 0);
    CU_ASSERT_EQUAL(asap_statistics(f.asap)->unexpected, 1);
    CU_ASSERT(!c->gone);
    end();
}

static void unknown_parameters_are_reported_beside_the_answer(void)
{
    /* HANDLE_RESOLUTION for "P" with a parameter of type bits 11: skip and report. */
    static const uint8_t request[20] = {
        ASAP_HANDLE_RESOLUTION, 0, 0, 20, 0, 9, 0, 5, 'P', 0, 0, 0, 0xc0, 0x77, 0, 8, 1, 2, 3, 4};
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct octets information = {0};

    deliver_octets(c, request, sizeof request);
    CU_ASSERT_EQUAL(next_sent(NULL).type, ASAP_HANDLE_RESOLUTION_RESPONSE);
    struct wire_message m = next_sent(NULL);
    CU_ASSERT_EQUAL(m.type, ASAP_ERROR);
    CU_ASSERT_EQUAL(cause_of(&m, &information), WIRE_CAUSE_UNRECOGNIZED_PARAMETER);
    CU_ASSERT(information.length == 8 && information.data[1] == 0x77);
    end();
}

/* Every message that elements send, with every octet changed in turn and cut at every length. */
static void no_changed_message_does_harm(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    static const uint8_t types[] = {ASAP_REGISTRATION, ASAP_DEREGISTRATION, ASAP_HANDLE_RESOLUTION,
                                    ASAP_ENDPOINT_KEEP_ALIVE_ACK, ASAP_ENDPOINT_UNREACHABLE};
    uint8_t run[64], buffer[512];
    const char *address = "10.1.0.2";

    for (size_t t = 0; t < sizeof types; t++) {
        struct wire_message m = {
            .protocol = WIRE_ASAP,
            .type = types[t],
            .pool_handle = handle_of("EchoPool"),
            .pe_identifier = 1,
            .present =
                WIRE_HAS_POOL_HANDLE | (types[t] == ASAP_REGISTRATION        ? WIRE_HAS_POOL_ELEMENT
                                        : types[t] == ASAP_HANDLE_RESOLUTION ? WIRE_HAS_RESOLUTION_OPTION
                                                                             : WIRE_HAS_PE_IDENTIFIER),
            .element = {.identifier = 1,
                        .registration_life = 300,
                        .policy = {.type = POLICY_RR},
                        .user = {.type = WIRE_SCTP,
                                 .port = 7,
                                 .addresses = octets_of(run, put_addresses(run, 64, &address, 1))}}};
        int length = wire_write(&m, buffer, sizeof buffer);
        CU_ASSERT_FATAL(length > 0);
        for (int at = 0; at < length; at++) {
            uint8_t old = buffer[at];
            for (int bit = 0; bit < 8; bit++) {
                buffer[at] = old ^ (uint8_t)(1 << bit);
                deliver_octets(c, buffer, (size_t)length);
            }
            buffer[at] = old;
            deliver_octets(c, buffer, (size_t)at);
        }
    }
    CU_ASSERT(!c->gone);
    end();
}

/* --- the rest
 * -------------------------------------------------------------------------------------------------------------
 */

static void announces_carry_identifier_and_transports(void)
{
    begin_with(&usual);
    uint8_t run[32], buffer[256];
    const char *address = "10.1.0.1";
    struct wire_transport transports[2] = {{.type = WIRE_SCTP, .port = 3863},
                                           {.type = WIRE_TCP, .port = 3863}},
                          t;
    struct wire_message m;
    struct wire_fault fault;

    transports[0].addresses = transports[1].addresses = octets_of(run, put_addresses(run, 32, &address, 1));
    int length = asap_write_announce(f.asap, transports, 2, buffer, sizeof buffer);
    CU_ASSERT_FATAL(length > 0);
    CU_ASSERT_EQUAL(wire_parse(WIRE_ASAP, buffer, (size_t)length, &m, &fault), 0);
    CU_ASSERT_EQUAL(m.type, ASAP_SERVER_ANNOUNCE);
    CU_ASSERT_EQUAL(m.registrar, REGISTRAR);
    CU_ASSERT(wire_transport_next(&m.list, &t) && t.type == WIRE_SCTP && t.port == 3863);
    CU_ASSERT(wire_transport_next(&m.list, &t) && t.type == WIRE_TCP);
    CU_ASSERT_EQUAL(asap_write_announce(f.asap, NULL, 0, buffer, sizeof buffer), 8);
    end();
}

static void hear_announce(uint32_t registrar, uint64_t now)
{
    uint8_t announce[8] = {ASAP_SERVER_ANNOUNCE, 0, 0, 8};

    octets_store32(announce + 4, registrar);
    asap_announced(f.asap, octets_of(announce, sizeof announce), now);
}

static void announces_are_rarer_with_more_registrars(void)
{
    begin_with(&usual);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0), 1000);
    hear_announce(REGISTRAR, T0); /* our own */
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0), 1000);
    hear_announce(1, T0);
    hear_announce(1, T0 + 1);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0 + 1), 2000);
    hear_announce(2, T0 + 5000);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0 + 5000), 3000);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 100, T0 + 5000), 300);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0 + 12002), 2000); /* the first one is silent */
    for (uint32_t i = 100; i < 1000; i++)
        hear_announce(i, T0 + 12002);
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 1000, T0 + 12002), 4000); /* clients shall not forget us */
    CU_ASSERT_EQUAL(asap_announce_interval(f.asap, 30000, T0 + 12002), 30000);
    asap_announced(f.asap, octets_of("garbage", 7), T0);
    end();
}

static void a_new_identifier_becomes_the_home_of_own_elements(void)
{
    begin_with(&usual);
    struct channel *c = open_channel(TRANSPORT_SCTP, "10.1.0.2", 4711, T0);
    struct asap_settings s = usual;
    struct pe pe = echo1;

    for (pe.id = 1; pe.id <= 5; pe.id++)
        send_registration(c, &pe, T0);
    s.registrar = 0x99;
    asap_configure(f.asap, &s);
    CU_ASSERT_EQUAL(handlespace_owned(f.handlespace, REGISTRAR), 0);
    CU_ASSERT_EQUAL(handlespace_owned(f.handlespace, 0x99), 5);
    end();
}

static const struct unit_test tests[] = {
    {"a registration gets the association as its ASAP transport",
     registers_with_the_association_as_asap_transport},
    {"user addresses outside the association are dropped, or refused",
     foreign_user_addresses_are_dropped_or_refused},
    {"user addresses outside the networks are dropped, or refused",
     user_addresses_outside_the_networks_are_dropped_or_refused},
    {"a wrong value is answered by a refusal", a_wrong_value_is_answered_by_a_refusal},
    {"an element over the limit of size is refused", an_element_over_the_limit_of_size_is_refused},
    {"what does not fit the pool is refused with its cause",
     what_does_not_fit_the_pool_is_refused_with_its_cause},
    {"a full handlespace is a lack of resources", a_full_handlespace_is_a_lack_of_resources},
    {"only its own host changes an element", only_its_own_host_changes_an_element},
    {"a life in seconds ends with a deregistration response",
     life_in_seconds_ends_with_a_deregistration_response},
    {"compat takes milliseconds and 32 octets", compat_takes_milliseconds_and_32_octets},
    {"a resolution gives as many as wanted", resolution_gives_as_many_as_wanted},
    {"a resolution stays within one message", resolution_stays_within_one_message},
    {"a subscriber hears of changes and of the end", a_subscriber_hears_of_changes_and_of_the_end},
    {"a pool that is back at once keeps its subscribers", a_pool_that_is_back_at_once_keeps_its_subscribers},
    {"subscriptions are limited and end with their channel",
     subscriptions_are_limited_and_end_with_their_channel},
    {"a tick tells a bounded number of subscribers", a_tick_tells_a_bounded_number_of_subscribers},
    {"keep-alives are spread and answered", keep_alives_are_spread_and_answered},
    {"an unanswered keep-alive removes", an_unanswered_keep_alive_removes},
    {"a re-registration counts as an answer", a_reregistration_counts_as_an_answer},
    {"reports probe at once and remove above the threshold",
     reports_probe_at_once_and_remove_above_the_threshold},
    {"reports can't flood an element with keep-alives", reports_cannot_flood_an_element_with_keep_alives},
    {"many elements of a lost association are probed in the course of an interval",
     many_elements_of_a_lost_association_are_probed_in_the_course_of_an_interval},
    {"a lost association is replaced by one to the ASAP transport",
     a_lost_association_is_replaced_by_one_to_the_asap_transport},
    {"an element that cannot be reached is removed at once",
     an_element_that_cannot_be_reached_is_removed_at_once},
    {"a lost TCP connection gives a timeout to come back",
     a_lost_tcp_connection_gives_a_timeout_to_come_back},
    {"an element that moved is not touched by its old channel",
     an_element_that_moved_is_not_touched_by_its_old_channel},
    {"churn on one channel keeps its elements apart", churn_on_one_channel_keeps_its_elements_apart},
    {"adoption sends the home flag", adoption_sends_the_home_flag},
    {"a claimed element comes when it answers", a_claimed_element_comes_when_it_answers},
    {"a claimed element that does not answer stays where it is",
     a_claimed_element_that_does_not_answer_stays_where_it_is},
    {"a channel over its rate is told so", a_channel_over_its_rate_is_told_so},
    {"unknown messages are reported, errors are not", unknown_messages_are_reported_and_errors_are_not},
    {"unknown parameters are reported beside the answer", unknown_parameters_are_reported_beside_the_answer},
    {"no changed message does harm", no_changed_message_does_harm},
    {"announces carry identifier and transports", announces_carry_identifier_and_transports},
    {"announces are rarer with more registrars", announces_are_rarer_with_more_registrars},
    {"a new identifier becomes the home of own elements", a_new_identifier_becomes_the_home_of_own_elements},
};

UNIT_MAIN("asap", tests)
