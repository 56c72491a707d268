/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one table of settings and the one table of modes. Everything about a setting stands in its row; the
 * order of the rows is the order of the file and of `show running-config`.
 */
#include "config/config.h"

static const char *const levels[] = {"1", "15", NULL};
static const char *const compats[] = {"rfc", "rsplib", NULL};
static const char *const auths[] = {"sha-256", "sha-384", "sha-512", NULL};
static const char *const privacies[] = {"aes-128", "aes-256", NULL};
static const char *const accesses[] = {"read-only", NULL};

enum { LIST = SETTING_LIST, SECRET = SETTING_SECRET, DISRUPTS = SETTING_DISRUPTS };

/* path, type, flags, applier, min, max, choices, default, command, help, example */
const struct setting config_schema[] = {
    {"hostname", SETTING_HOSTNAME, 0, APPLY_SYSTEM, 1, 64, 0, "registrar", "hostname",
     "Name of this box, shown in the prompt", "reg1"},

    {"users.*.level", SETTING_CHOICE, 0, APPLY_USERS, 0, 0, levels, "1", "privilege",
     "What the user may do: 1 looks, 15 administers", "15"},
    {"users.*.password", SETTING_STRING, SECRET | SETTING_HASHED, APPLY_USERS, 8, 128, 0, NULL, "password",
     "Password, or its crypt(3) hash", "correct horse battery"},
    {"users.*.ssh-keys", SETTING_SSH_KEY, LIST, APPLY_USERS, 0, 2048, 0, NULL, "ssh-key",
     "Public key that may log in by SSH",
     "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAdw4f0Qd1XgqDGlLRVOJBTsPVvWJyn9yNpZnGDvmvPb ann@desk"},

    {"interfaces.*.description", SETTING_STRING, 0, APPLY_NETWORK, 1, 128, 0, NULL, "description",
     "Text for people", "towards the pool elements"},
    {"interfaces.*.addresses", SETTING_PREFIX, LIST, APPLY_NETWORK, 0, 0, 0, NULL, "ip address",
     "IPv4 or IPv6 address and prefix length", "10.1.0.1/24"},
    {"interfaces.*.dhcp", SETTING_BOOLEAN, 0, APPLY_NETWORK, 0, 0, 0, "false", "ip address dhcp",
     "Take an address by DHCP and router advertisements", "true"},
    {"interfaces.*.mtu", SETTING_UNSIGNED, 0, APPLY_NETWORK, 68, 9216, 0, NULL, "mtu",
     "Largest packet in octets", "1500"},
    {"interfaces.*.shutdown", SETTING_BOOLEAN, DISRUPTS, APPLY_NETWORK, 0, 0, 0, "false", "shutdown",
     "Hold the interface down", "true"},
    {"routes", SETTING_ROUTE, LIST, APPLY_NETWORK, 0, 0, 0, NULL, "ip route",
     "Destination prefix and gateway", "10.2.0.0/16 10.1.0.254"},

    {"ssh.enabled", SETTING_BOOLEAN, DISRUPTS, APPLY_SSH, 0, 0, 0, "false", "ssh server",
     "Let operators log in by SSH", "true"},
    {"ssh.port", SETTING_UNSIGNED, DISRUPTS, APPLY_SSH, 1, 65535, 0, "22", "ssh server port",
     "TCP port of SSH", "22"},

    {"snmp.enabled", SETTING_BOOLEAN, 0, APPLY_SNMP, 0, 0, 0, "false", "snmp-server", "Answer SNMP version 3",
     "true"},
    {"snmp.port", SETTING_UNSIGNED, 0, APPLY_SNMP, 1, 65535, 0, "161", "snmp-server port", "UDP port of SNMP",
     "161"},
    {"snmp.contact", SETTING_STRING, 0, APPLY_SNMP, 1, 255, 0, NULL, "snmp-server contact",
     "Who cares for this box (sysContact)", "noc@example.net"},
    {"snmp.location", SETTING_STRING, 0, APPLY_SNMP, 1, 255, 0, NULL, "snmp-server location",
     "Where it stands (sysLocation)", "Hall 3, rack 12"},
    {"snmp.users.*.auth", SETTING_CHOICE, 0, APPLY_SNMP, 0, 0, auths, "sha-256", "auth",
     "Authentication protocol", "sha-256"},
    {"snmp.users.*.auth-key", SETTING_STRING, SECRET, APPLY_SNMP, 8, 64, 0, NULL, "auth-key",
     "Authentication passphrase", "tangled up in blue"},
    {"snmp.users.*.privacy", SETTING_CHOICE, 0, APPLY_SNMP, 0, 0, privacies, "aes-128", "privacy",
     "Privacy protocol", "aes-128"},
    {"snmp.users.*.privacy-key", SETTING_STRING, SECRET, APPLY_SNMP, 8, 64, 0, NULL, "privacy-key",
     "Privacy passphrase", "simple twist of fate"},
    {"snmp.users.*.access", SETTING_CHOICE, 0, APPLY_SNMP, 0, 0, accesses, "read-only", "access",
     "What the user may do", "read-only"},

    {"registrar.identifier", SETTING_UNSIGNED, SETTING_HEX | DISRUPTS, APPLY_REGISTRARD, 0, UINT32_MAX, 0,
     "0x00000000", "identifier", "ENRP server identifier; 0 for one that the box chose once at random",
     "0x0a0b0c0d"},
    {"registrar.description", SETTING_STRING, 0, APPLY_REGISTRARD, 1, 255, 0, NULL, "description",
     "Text for people", "Registrar of the north site"},
    {"registrar.compat", SETTING_CHOICE, 0, APPLY_REGISTRARD, 0, 0, compats, "rfc", "compat",
     "Whose reading of the RFCs the operational scope follows", "rsplib"},
    {"registrar.asap.port", SETTING_UNSIGNED, DISRUPTS, APPLY_REGISTRARD, 1, 65535, 0, "3863", "asap port",
     "SCTP and TCP port of ASAP", "3863"},
    {"registrar.asap.addresses", SETTING_ADDRESS, LIST | DISRUPTS, APPLY_REGISTRARD, 0, 0, 0, NULL,
     "asap address", "Address to serve ASAP on; none for all", "10.1.0.1"},
    {"registrar.asap.tcp", SETTING_BOOLEAN, DISRUPTS, APPLY_REGISTRARD, 0, 0, 0, "true", "asap tcp",
     "Serve ASAP over TCP beside SCTP", "true"},
    {"registrar.asap.announce.enabled", SETTING_BOOLEAN, 0, APPLY_REGISTRARD, 0, 0, 0, "true",
     "asap announce", "Announce this registrar to pool elements and users by multicast", "true"},
    {"registrar.asap.announce.address", SETTING_MULTICAST, 0, APPLY_REGISTRARD, 0, 0, 0, "239.0.0.50",
     "asap announce address", "Multicast group of the announces", "239.0.0.50"},
    {"registrar.asap.announce.port", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 65535, 0, "3863",
     "asap announce port", "UDP port of the announces", "3863"},
    {"registrar.asap.announce.interval", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 600000, 0, "1000",
     "asap announce interval", "Milliseconds between announces", "1000"},
    {"registrar.asap.keep-alive.interval", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 3600000, 0, "5000",
     "asap keep-alive interval", "Milliseconds between keep-alives to a pool element", "5000"},
    {"registrar.asap.keep-alive.timeout", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 3600000, 0, "5000",
     "asap keep-alive timeout", "Milliseconds that a pool element has to answer", "5000"},
    {"registrar.asap.max-bad-reports", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 255, 0, "3",
     "asap max-bad-reports", "Unreachable reports after which a pool element is removed", "3"},
    {"registrar.asap.items", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 1000, 0, "3", "asap items",
     "Pool elements in a handle resolution that does not say how many", "3"},
    {"registrar.enrp.enabled", SETTING_BOOLEAN, DISRUPTS, APPLY_REGISTRARD, 0, 0, 0, "true", "enrp",
     "Share the handlespace with other registrars", "true"},
    {"registrar.enrp.port", SETTING_UNSIGNED, DISRUPTS, APPLY_REGISTRARD, 1, 65535, 0, "9901", "enrp port",
     "SCTP port of ENRP", "9901"},
    {"registrar.enrp.addresses", SETTING_ADDRESS, LIST | DISRUPTS, APPLY_REGISTRARD, 0, 0, 0, NULL,
     "enrp address", "Address to serve ENRP on; none for all", "10.1.0.1"},
    {"registrar.enrp.announce.enabled", SETTING_BOOLEAN, 0, APPLY_REGISTRARD, 0, 0, 0, "true",
     "enrp announce", "Announce this registrar to its peers by multicast", "true"},
    {"registrar.enrp.announce.address", SETTING_MULTICAST, 0, APPLY_REGISTRARD, 0, 0, 0, "239.0.0.51",
     "enrp announce address", "Multicast group of the announces", "239.0.0.51"},
    {"registrar.enrp.announce.port", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 65535, 0, "9901",
     "enrp announce port", "UDP port of the announces", "9901"},
    {"registrar.enrp.heartbeat-interval", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 3600000, 0, "30000",
     "enrp heartbeat-interval", "Milliseconds between presence messages (PEER-HEARTBEAT-CYCLE)", "30000"},
    {"registrar.enrp.max-time-last-heard", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 3600000, 0, "61000",
     "enrp max-time-last-heard", "Milliseconds of silence after which a peer is probed (MAX-TIME-LAST-HEARD)",
     "61000"},
    {"registrar.enrp.max-time-no-response", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 100, 3600000, 0, "5000",
     "enrp max-time-no-response", "Milliseconds that a probed peer has to answer (MAX-TIME-NO-RESPONSE)",
     "5000"},
    {"registrar.peers", SETTING_ENDPOINT, LIST, APPLY_REGISTRARD, 9901, 0, 0, NULL, "peer",
     "Address and ENRP port of another registrar", "10.1.0.2:9901"},
    {"registrar.limits.pools", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 1000000, 0, "100000", "limit pools",
     "Most pools", "100000"},
    {"registrar.limits.elements", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 10000000, 0, "1000000",
     "limit elements", "Most pool elements, over all pools", "1000000"},
    {"registrar.limits.handle-size", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 1, 65000, 0, "255",
     "limit handle-size", "Longest pool handle in octets", "255"},
    {"registrar.limits.channels", SETTING_UNSIGNED, DISRUPTS, APPLY_REGISTRARD, 1, 1000000, 0, "20000",
     "limit channels", "Most associations and connections at once", "20000"},
    {"registrar.limits.requests-per-second", SETTING_UNSIGNED, 0, APPLY_REGISTRARD, 0, 10000000, 0, "20000",
     "limit requests-per-second", "Requests a second of one client; 0 for no limit", "10000"},
};
const size_t config_schema_rows = sizeof config_schema / sizeof config_schema[0];

/* path, command, prompt, help, key help, key type, longest key, example */
const struct config_mode config_modes[] = {
    {"", "", "config", "Global configuration", NULL, SETTING_WORD, 0, NULL},
    {"users.*", "username", "config-user", "Operators", "Name of the account", SETTING_USERNAME, 32, "admin"},
    {"interfaces.*", "interface", "config-if", "Network interfaces", "Name of the interface",
     SETTING_INTERFACE, 15, "eth1"},
    {"snmp.users.*", "snmp-server user", "config-snmp-user", "Users of SNMP version 3", "Name of the user",
     SETTING_WORD, 32, "nms"},
    {"registrar", "registrar", "config-registrar", "The registrar: ASAP and ENRP", NULL, SETTING_WORD, 0,
     NULL},
};
const size_t config_mode_rows = sizeof config_modes / sizeof config_modes[0];
