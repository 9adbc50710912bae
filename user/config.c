// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "address.h"
#include "config.h"
#include "error.h"

#define FLOWS_MIN 1024
#define FLOWS_MAX 4194304

#define MAX_KEYS 16

/* inih cuts a longer section name. */
#define HEADER_SIZE 50

struct parser {
	const char *path;
	FILE *file;
	char *text; /* the line as it stands in the file, comments cut off */
	size_t size;
	int line;
	int error;
	char header[HEADER_SIZE]; /* between the brackets of the current section */
	const struct key *keys; /* of the current section; NULL before the first */
	const struct key *key; /* that an indented line continues */
	int *seen; /* lines of the current section's keys, by key; 0: not yet */
	int section_seen[MAX_KEYS]; /* [scoutbpf] */
	int container_seen[MAX_CONTAINERS][MAX_KEYS];
	int section_line; /* of [scoutbpf] */
	int *forward_lines; /* of every forward, in the order of the file */
	size_t forward_count;
	struct config config;
};

/* A key of a section; TAKE reads its value into FIELD, at OFFSET of the section's structure. */
struct key {
	const char *name;
	bool list; /* blank-separated words, which indented lines may continue */
	size_t offset;
	int (*take)(struct parser *p, const char *value, void *field);
};

/* The first error is the one that is told: the ones after it may be its echo. */
static int fail_at(struct parser *p, int line, const char *what, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail_at(struct parser *p, int line, const char *what, const char *format, ...)
{
	char object[PATH_MAX + 16], message[512];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	snprintf(object, sizeof(object), line ? "%s:%d" : "%s", p->path, line);
	complain(object, "%s%s%s", what ? what : "", what ? ": " : "", message);
	p->error = -EINVAL;
	return -EINVAL;
}

#define fail(p, ...) fail_at(p, (p)->line, (p)->key->name, __VA_ARGS__)

static int system_error(struct parser *p, int number)
{
	complain(p->path, "%s", strerror(number));
	p->error = -number;
	return -number;
}

/* Values */

static bool is_glob(const char *name)
{
	return strpbrk(name, "*?[");
}

static int check_interface(struct parser *p, const char *name)
{
	if (strchr(name, ','))
		return fail(p, "interfaces are separated by blanks, not by commas");
	if (strpbrk(name, "/:=\"'\r\v\f") || !strcmp(name, ".") || !strcmp(name, ".."))
		return fail(p, "\"%s\" is not an interface name", name);
	if (!is_glob(name) && strlen(name) >= IFNAME_SIZE)
		return fail(p, "interface name %s is longer than %d characters", name,
			    IFNAME_SIZE - 1);
	if (!strcmp(name, "lo"))
		return fail(p, "lo is the loopback interface, which is never guarded");
	return 0;
}

static int add_word(struct parser *p, struct words *words, const char *word)
{
	char **grown = reallocarray(words->items, words->count + 1, sizeof(*grown));

	if (!grown)
		return system_error(p, ENOMEM);
	words->items = grown;
	grown[words->count] = strdup(word);
	if (!grown[words->count])
		return system_error(p, ENOMEM);
	words->count++;
	return 0;
}

/* Calls TAKE with each blank-separated word of VALUE. */
static int each_word(struct parser *p, const char *value, void *field,
		     int (*take)(struct parser *p, const char *word, void *field))
{
	char *copy = strdup(value), *rest = copy, *word;
	int err = 0;

	if (!copy)
		return system_error(p, ENOMEM);
	while (!err && (word = strsep(&rest, " \t")))
		if (*word)
			err = take(p, word, field);
	free(copy);
	return err;
}

static int take_pattern(struct parser *p, const char *word, void *field)
{
	int err = check_interface(p, word);

	return err ? err : add_word(p, field, word);
}

static int take_patterns(struct parser *p, const char *value, void *field)
{
	return each_word(p, value, field, take_pattern);
}

static int take_number(struct parser *p, const char *value, __u32 min, __u32 max, __u32 *ret)
{
	__u64 number;
	int err = number_parse(value, max, &number);

	if (err == -EINVAL)
		return fail(p, "\"%s\" is not a number", value);
	if (err || number < min)
		return fail(p, "%s is out of range (%u-%u)", value, min, max);
	*ret = number;
	return 0;
}

static int take_port(struct parser *p, const char *value, void *field)
{
	__u32 port = 0;
	int err = take_number(p, value, 1, UINT16_MAX, &port);

	if (!err)
		*(__u16 *)field = port;
	return err;
}

static int take_flows(struct parser *p, const char *value, void *field)
{
	return take_number(p, value, FLOWS_MIN, FLOWS_MAX, field);
}

static int take_switch(struct parser *p, const char *value, void *field)
{
	bool on = !strcmp(value, "on");

	if (!on && strcmp(value, "off"))
		return fail(p, "\"%s\" is not on or off", value);
	*(bool *)field = on;
	return 0;
}

static int take_egress(struct parser *p, const char *value, void *field)
{
	enum egress *egress = field;

	if (!strcmp(value, "any"))
		*egress = EGRESS_ANY;
	else if (!strcmp(value, "internet"))
		*egress = EGRESS_INTERNET;
	else if (!strcmp(value, "vpn"))
		*egress = EGRESS_VPN;
	else if (!strcmp(value, "none"))
		*egress = EGRESS_NONE;
	else
		return fail(p, "\"%s\" is not any, internet, vpn or none", value);
	return 0;
}

static int take_hook(struct parser *p, const char *value, void *field)
{
	enum hook *hook = field;

	if (!strcmp(value, "auto"))
		*hook = 0;
	else if (!strcmp(value, "tcx"))
		*hook = HOOK_TCX;
	else if (!strcmp(value, "clsact"))
		*hook = HOOK_CLSACT;
	else
		return fail(p, "\"%s\" is not auto, tcx or clsact", value);
	return 0;
}

static int take_interface(struct parser *p, const char *value, void *field)
{
	if (!*value || strpbrk(value, " \t"))
		return fail(p, "\"%s\" is not one interface name", value);
	if (is_glob(value))
		return fail(p, "%s is a pattern; a container has one interface", value);
	if (check_interface(p, value))
		return p->error;
	strcpy(field, value);
	return 0;
}

static const char *section_text(const struct config_container *container)
{
	static char text[NAME_SIZE + 16];

	snprintf(text, sizeof(text), *container->name ? "[container %s]" : "[container]",
		 container->name);
	return text;
}

static bool is_unicast(const union addr *addr)
{
	__u8 first = addr->bytes[12];

	return first && first != 127 && first < 224;
}

static int take_address(struct parser *p, const char *value, void *field)
{
	const struct config *config = &p->config;
	union addr *address = field, parsed;

	if (addr_parse(value, &parsed) || !addr_is_v4(&parsed))
		return fail(p, "\"%s\" is not an IPv4 address, which is expected", value);
	if (!is_unicast(&parsed))
		return fail(p, "%s is not a unicast address of a machine", value);
	for (size_t i = 0; i < config->container_count; i++)
		if (!memcmp(&config->containers[i].address, &parsed, sizeof(parsed)))
			return fail(p, "%s is already the address of %s", value,
				    section_text(&config->containers[i]));
	*address = parsed;
	return 0;
}

static const char *ports_text(const struct port_spec *spec)
{
	static char text[32];

	snprintf(text, sizeof(text), spec->first == spec->last ? "%s/%u" : "%s/%u-%u",
		 proto_name(spec->proto), spec->first, spec->last);
	return text;
}

static int check_overlap(struct parser *p, const char *word, const struct port_spec *spec)
{
	const struct config *config = &p->config;

	for (size_t i = 0; i < config->container_count; i++) {
		const struct config_container *container = &config->containers[i];

		for (size_t j = 0; j < container->forward_count; j++)
			if (port_spec_overlaps(spec, &container->forwards[j]))
				return fail(p, "%s overlaps %s of %s", word,
					    ports_text(&container->forwards[j]),
					    section_text(container));
	}
	return 0;
}

static int take_forward(struct parser *p, const char *word, void *field)
{
	struct config_container *container = field;
	struct port_spec spec, *grown;
	const char *why;
	int *lines;

	if (port_spec_parse(word, &spec, &why))
		return fail(p, "%s", why);
	if (*spec.container)
		return fail(p, "%s names a container; the section says which", word);
	if (check_overlap(p, word, &spec))
		return p->error;
	lines = reallocarray(p->forward_lines, p->forward_count + 1, sizeof(*lines));
	if (!lines)
		return system_error(p, ENOMEM);
	p->forward_lines = lines;
	grown = reallocarray(container->forwards, container->forward_count + 1, sizeof(*grown));
	if (!grown)
		return system_error(p, ENOMEM);
	container->forwards = grown;
	lines[p->forward_count++] = p->line;
	grown[container->forward_count++] = spec;
	return 0;
}

static int take_forwards(struct parser *p, const char *value, void *field)
{
	return each_word(p, value, field, take_forward);
}

/* Sections */

#define FIELD(member) offsetof(struct config, member)

static const struct key section_keys[] = {
	{"vpn", true, FIELD(vpn), take_patterns},
	{"lan", true, FIELD(lan), take_patterns},
	{"host-control-port", false, FIELD(host_control_port), take_port},
	{"lan-access", false, FIELD(lan_access), take_switch},
	{"host-control", false, FIELD(host_control), take_switch},
	{"icmp-echo", false, FIELD(icmp_echo), take_switch},
	{"egress", false, FIELD(egress), take_egress},
	{"hook", false, FIELD(hook), take_hook},
	{"flows", false, FIELD(flows), take_flows},
	{},
};

#undef FIELD
#define FIELD(member) offsetof(struct config_container, member)

/* The places of the keys that the checks at the end of the file ask for. */
enum {
	SEEN_VPN,
	SEEN_LAN
};
enum {
	SEEN_INTERFACE,
	SEEN_ADDRESS,
	SEEN_FORWARD
};

static const struct key container_keys[] = {
	[SEEN_INTERFACE] = {"interface", false, FIELD(ifname), take_interface},
	[SEEN_ADDRESS] = {"address", false, FIELD(address), take_address},
	[SEEN_FORWARD] = {"forward", true, 0, take_forwards},
	{},
};

#undef FIELD

_Static_assert(sizeof(section_keys) / sizeof(*section_keys) <= MAX_KEYS, "MAX_KEYS is too low");

static int begin_container(struct parser *p, const char *name)
{
	struct config *config = &p->config;
	size_t count = config->container_count;
	struct config_container *grown;

	if (*name && !container_name_valid(name))
		return fail_at(p, p->line, p->header, "\"%s\" is not a container's name", name);
	for (size_t i = 0; i < count; i++)
		if (!strcmp(config->containers[i].name, name))
			return fail_at(p, p->line, p->header, "given twice, first in line %d",
				       config->containers[i].line);
	if (count == MAX_CONTAINERS)
		return fail_at(p, p->line, p->header, "more than %d containers", MAX_CONTAINERS);
	grown = reallocarray(config->containers, count + 1, sizeof(*grown));
	if (!grown)
		return system_error(p, ENOMEM);
	config->containers = grown;
	grown[count] = (struct config_container){.line = p->line};
	strcpy(grown[count].name, name);
	config->container_count++;
	p->keys = container_keys;
	p->seen = p->container_seen[count];
	return 0;
}

static int begin_scoutbpf(struct parser *p)
{
	if (p->section_line)
		return fail_at(p, p->line, p->header, "given twice, first in line %d",
			       p->section_line);
	p->section_line = p->line;
	p->keys = section_keys;
	p->seen = p->section_seen;
	return 0;
}

/* inih does not report a section without keys, nor one that is opened again. */
static int begin_section(struct parser *p)
{
	static const char container[] = "container";
	const size_t prefix = sizeof(container) - 1;
	size_t length = strcspn(p->text, "]") - 1;

	if (p->text[length + 1] != ']' || p->text[length + 2])
		return fail_at(p, p->line, NULL, "%.60s is not a [section]", p->text);
	if (length >= sizeof(p->header))
		return fail_at(p, p->line, NULL, "%.60s... is too long", p->text);
	memcpy(p->header, p->text + 1, length);
	p->header[length] = 0;
	p->key = NULL;
	if (!strcmp(p->header, "scoutbpf"))
		return begin_scoutbpf(p);
	if (!strcmp(p->header, container))
		return begin_container(p, "");
	if (!strncmp(p->header, container, prefix) && isblank((unsigned char)p->header[prefix]))
		return begin_container(p, p->header + prefix + strspn(p->header + prefix, " \t"));
	return fail_at(p, p->line, p->header, "unknown section");
}

/* Lines */

/* A comment starts the line or follows a blank; inih knows only ';' behind a value. */
static void cut_comment(char *text)
{
	size_t length;

	for (char *c = text; *c; c++) {
		if (strchr("#;", *c) && (c == text || isspace((unsigned char)c[-1]))) {
			*c = 0;
			break;
		}
	}
	for (length = strlen(text); length && isspace((unsigned char)text[length - 1]); length--)
		text[length - 1] = 0;
}

/*
 * inih's reader. It counts the lines, since the packaged library does not tell the handler
 * where it is, and refuses what the library would cut short.
 */
static char *read_line(char *buffer, int size, void *user)
{
	struct parser *p = user;
	ssize_t length = p->error ? -1 : getline(&p->text, &p->size, p->file);

	if (length < 0) {
		if (!p->error && !feof(p->file))
			system_error(p, errno);
		return NULL;
	}
	p->line++;
	if (strlen(p->text) != (size_t)length) {
		fail_at(p, p->line, NULL, "a zero byte");
		return NULL;
	}
	cut_comment(p->text);
	if (strlen(p->text) + 1 >= (size_t)size) {
		fail_at(p, p->line, NULL,
			"longer than %d characters; continue a list in an indented line", size - 2);
		return NULL;
	}
	if (*p->text == '[' && begin_section(p))
		return NULL;
	return strcpy(buffer, p->text);
}

static const struct key *find_key(const struct parser *p, const char *name)
{
	for (const struct key *key = p->keys; key->name; key++)
		if (!strcmp(key->name, name))
			return key;
	return NULL;
}

/* inih calls with the last key again where an indented line follows it. */
static int begin_key(struct parser *p, const char *name, const char *value)
{
	bool continued = p->key && isspace((unsigned char)*p->text);
	int *line;

	if (!continued) {
		p->key = find_key(p, name);
		if (!p->key)
			return fail_at(p, p->line, name, "unknown key in [%s]", p->header);
	}
	line = &p->seen[p->key - p->keys];
	if (continued && strchr(value, '='))
		return fail(p, "continued by an indented line that looks like a key");
	if (continued && !p->key->list)
		return fail(p, "takes one value, an indented line continues it");
	if (!continued && *line)
		return fail(p, "given twice, first in line %d", *line);
	if (!continued)
		*line = p->line;
	return 0;
}

static int take_pair(void *user, const char *section, const char *name, const char *value)
{
	struct parser *p = user;
	struct config *config = &p->config;
	char *base = (char *)config;

	if (p->error)
		return 0;
	if (strcmp(section, p->header))
		return !fail_at(p, p->line, name,
				"follows a [section] that does not start its line");
	if (!p->keys)
		return !fail_at(p, p->line, name, "stands before the first section");
	if (begin_key(p, name, value))
		return 0;
	if (p->keys == container_keys)
		base = (char *)&config->containers[config->container_count - 1];
	return !p->key->take(p, value, base + p->key->offset);
}

/* The whole */

static bool contains(const struct words *words, const char *word)
{
	for (size_t i = 0; i < words->count; i++)
		if (!strcmp(words->items[i], word))
			return true;
	return false;
}

static int check_container(struct parser *p, size_t slot)
{
	const struct config_container *container = &p->config.containers[slot];
	const int *seen = p->container_seen[slot];

	for (int i = SEEN_INTERFACE; i <= SEEN_ADDRESS; i++)
		if (!seen[i])
			return fail_at(p, container->line, container_keys[i].name, "missing in %s",
				       section_text(container));
	if (contains(&p->config.vpn, container->ifname))
		return fail_at(p, seen[SEEN_INTERFACE], "interface", "%s is also in vpn",
			       container->ifname);
	if (contains(&p->config.lan, container->ifname))
		return fail_at(p, seen[SEEN_INTERFACE], "interface", "%s is also in lan",
			       container->ifname);
	return 0;
}

static int check_host_control(struct parser *p)
{
	const struct config *config = &p->config;
	const struct port_spec port = {.proto = IPPROTO_TCP,
				       .first = config->host_control_port,
				       .last = config->host_control_port};
	const int *line = p->forward_lines;

	for (size_t i = 0; i < config->container_count; i++) {
		const struct config_container *container = &config->containers[i];

		for (size_t j = 0; j < container->forward_count; j++, line++)
			if (port_spec_overlaps(&container->forwards[j], &port))
				return fail_at(p, *line, "forward",
					       "%s covers the host-control port %u",
					       ports_text(&container->forwards[j]),
					       config->host_control_port);
	}
	return 0;
}

static int check(struct parser *p)
{
	const struct config *config = &p->config;

	if (!p->section_line)
		return fail_at(p, 0, NULL, "section [scoutbpf] is missing");
	if (!config->vpn.count && !config->lan.count)
		return fail_at(p, p->section_line, "vpn", "neither vpn nor lan names an interface");
	if (!config->container_count)
		return fail_at(p, 0, NULL, "section [container] is missing");
	for (size_t i = 0; i < config->lan.count; i++)
		if (contains(&config->vpn, config->lan.items[i]))
			return fail_at(p, p->section_seen[SEEN_LAN], "lan",
				       "overlap: %s is also in vpn", config->lan.items[i]);
	for (size_t i = 0; i < config->container_count; i++)
		if (check_container(p, i))
			return p->error;
	return check_host_control(p);
}

static int parse(struct parser *p)
{
	int line = ini_parse_stream(read_line, p, take_pair, p);

	if (p->error)
		return p->error;
	if (line < 0)
		return system_error(p, ENOMEM);
	if (line > 0)
		return fail_at(p, line, NULL, "neither a [section] nor KEY = VALUE");
	return check(p);
}

int config_read(const char *path, struct config *ret)
{
	bool standard_input = !strcmp(path, "-");
	struct parser p = {
		.path = standard_input ? "standard input" : path,
		.file = standard_input ? stdin : fopen(path, "re"),
		.config = {.host_control_port = 23,
			   .icmp_echo = true,
			   .egress = EGRESS_ANY,
			   .flows = DEFAULT_FLOWS},
	};
	int err;

	if (!p.file) {
		err = -errno;
		complain(path, "%s", strerror(errno));
		return err;
	}
	err = parse(&p);
	if (err)
		config_free(&p.config);
	else
		*ret = p.config;
	free(p.forward_lines);
	free(p.text);
	if (!standard_input)
		fclose(p.file);
	return err;
}

static void words_free(struct words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->items[i]);
	free(words->items);
}

void config_free(struct config *config)
{
	if (!config)
		return;
	words_free(&config->vpn);
	words_free(&config->lan);
	for (size_t i = 0; i < config->container_count; i++)
		free(config->containers[i].forwards);
	free(config->containers);
	*config = (struct config){};
}

static bool matches(const struct words *words, const char *name)
{
	for (size_t i = 0; i < words->count; i++)
		if (is_glob(words->items[i]) && !fnmatch(words->items[i], name, 0))
			return true;
	return false;
}

enum zone config_role(const struct config *config, const char *name, size_t *ret_slot)
{
	if (!strcmp(name, "lo"))
		return 0;
	for (size_t i = 0; i < config->container_count; i++) {
		if (!strcmp(config->containers[i].ifname, name)) {
			if (ret_slot)
				*ret_slot = i;
			return ZONE_CONTAINER;
		}
	}
	if (contains(&config->vpn, name))
		return ZONE_VPN;
	if (contains(&config->lan, name))
		return ZONE_LAN;
	if (matches(&config->vpn, name))
		return ZONE_VPN;
	return matches(&config->lan, name) ? ZONE_LAN : 0;
}
