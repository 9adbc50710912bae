/* SPDX-License-Identifier: GPL-2.0-only */
/* How the policy of a loaded gateway is shown: the same for `status` and `map show`. */
#ifndef VIEW_H
#define VIEW_H

#include "gateway.h"

struct json_object;

/* The switches and the forwards as lines of text. */
void view_policy(const struct gateway *gateway, const char *pindir);

/* The same as members "lan_access", "host_control" and "forwards" of OBJECT. */
void view_policy_json(const struct gateway *gateway, struct json_object *object);

/* "vpn", "lan" or "container", static. */
const char *zone_name(__u8 zone);

#endif
