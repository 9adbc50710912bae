# SPDX-License-Identifier: GPL-2.0-only
#
# make install     DESTDIR= PREFIX=/usr: program, systemd unit, and a configuration where none is
# make uninstall   removes the first two; the configuration is the administrator's

SBINDIR = $(PREFIX)/sbin
UNITDIR = $(PREFIX)/lib/systemd/system
CONFDIR = /etc/scoutbpf

.PHONY: install
install: all
	install -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(CONFDIR)
	install -m 755 $(B)/scoutbpf $(DESTDIR)$(SBINDIR)/scoutbpf
	sed 's|/usr/sbin/scoutbpf|$(SBINDIR)/scoutbpf|' scripts/scoutbpf.service > $(B)/scoutbpf.service
	install -m 644 $(B)/scoutbpf.service $(DESTDIR)$(UNITDIR)/scoutbpf.service
	test -e $(DESTDIR)$(CONFDIR)/scoutbpf.conf || \
		install -m 644 scripts/scoutbpf.conf $(DESTDIR)$(CONFDIR)/scoutbpf.conf

.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(SBINDIR)/scoutbpf $(DESTDIR)$(UNITDIR)/scoutbpf.service
