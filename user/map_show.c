// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <json-c/json.h>

#include "commands.h"
#include "gateway.h"
#include "view.h"

int command_map_show(const struct options *options, int argc, char **argv)
{
	struct gateway gateway;

	if (argc > 1)
		return usage_error("map show", "takes no argument \"%s\"", argv[1]);
	if (gateway_open(options->pindir, false, &gateway))
		return EXIT_FAILED;
	if (options->json) {
		struct json_object *object = json_object_new_object();

		view_policy_json(&gateway, object);
		puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY));
		json_object_put(object);
	} else {
		view_policy(&gateway, options->pindir);
	}
	gateway_close(&gateway);
	return EXIT_DONE;
}
