/* SPDX-License-Identifier: GPL-2.0-only */
/* Each returns the number of its tests that failed. */
#ifndef GROUPS_H
#define GROUPS_H

int group_forward(void);
int group_reply(void);
int group_refuse(void);
int group_parse(void);
int group_host(void);
int group_adopt(void);
int group_outbound(void);
int group_tcp_state(void);
int group_revoke(void);
int group_tuples(void);
int group_bare_ip(void);
int group_routes(void);

#endif
