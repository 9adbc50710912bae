// SPDX-License-Identifier: GPL-2.0-only
/*
 * The expert's end of the VPN, as far as the machine can tell: what is written to the tap's
 * descriptor is received on the tap.
 *
 *	generate TAP DESTINATION COUNT	writes COUNT frames as fast as it can, prints the seconds
 *	generate TAP DESTINATION	writes one frame until it is answered, at most 5 s
 *
 * A frame is the smallest that Ethernet has, from 10.1.0.6:40000 to port 2000 over UDP. Its
 * checksums are right: some of those who forward it look.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/udp.h>

#define SOURCE "10.1.0.6"
#define SOURCE_PORT 40000
#define DESTINATION_PORT 2000

#define ANSWER_SECONDS 5
#define RETRY_MS 50

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	char payload[ETH_ZLEN + ETH_FCS_LEN - sizeof(struct ethhdr) - sizeof(struct iphdr) -
		     sizeof(struct udphdr)];
} __attribute__((packed));

/* RFC 1071, of an even number of bytes. */
static uint32_t sum_words(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;
	uint16_t word;
	size_t i;

	for (i = 0; i < size; i += sizeof(word)) {
		memcpy(&word, bytes + i, sizeof(word));
		sum += word;
	}
	return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static void set_checksums(struct frame *frame)
{
	const uint8_t *udp = (uint8_t *)frame + offsetof(struct frame, udp);
	uint32_t sum = htons(IPPROTO_UDP) + frame->udp.len;

	frame->ip.check = sum_fold(
		sum_words(0, (uint8_t *)frame + offsetof(struct frame, ip), sizeof(frame->ip)));
	sum = sum_words(sum, (uint8_t *)frame + offsetof(struct frame, ip.saddr),
			2 * sizeof(frame->ip.saddr));
	sum = sum_words(sum, udp, sizeof(*frame) - offsetof(struct frame, udp));
	frame->udp.check = sum_fold(sum);
}

static struct frame make_frame(const uint8_t *tap_address, uint32_t destination)
{
	struct frame frame = {
		.eth = {.h_source = {2, 0, 0, 0, 0, 6}, .h_proto = htons(ETH_P_IP)},
		.ip =
			{
				.version = 4,
				.ihl = 5,
				.tot_len = htons(sizeof(frame) - sizeof(frame.eth)),
				.frag_off = htons(0x4000), /* may not be fragmented */
				.ttl = 64,
				.protocol = IPPROTO_UDP,
				.saddr = inet_addr(SOURCE),
				.daddr = destination,
			},
		.udp =
			{
				.source = htons(SOURCE_PORT),
				.dest = htons(DESTINATION_PORT),
				.len = htons(sizeof(frame.udp) + sizeof(frame.payload)),
			},
	};

	memcpy(frame.eth.h_dest, tap_address, ETH_ALEN);
	set_checksums(&frame);
	return frame;
}

static bool is_answer(const struct frame *frame, const struct frame *asked)
{
	return frame->eth.h_proto == asked->eth.h_proto && frame->ip.protocol == IPPROTO_UDP &&
	       frame->ip.saddr == asked->ip.daddr && frame->ip.daddr == asked->ip.saddr &&
	       frame->udp.source == asked->udp.dest && frame->udp.dest == asked->udp.source;
}

/* Attaches to the tap, which need not exist. Returns its descriptor or a negative errno. */
static int open_tap(const char *name, uint8_t *address)
{
	struct ifreq request = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC), err;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) || ioctl(fd, SIOCGIFHWADDR, &request)) {
		err = -errno;
		close(fd);
		return err;
	}
	memcpy(address, request.ifr_hwaddr.sa_data, ETH_ALEN);
	return fd;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int write_many(int fd, const struct frame *frame, unsigned long count)
{
	double start = seconds_now();
	unsigned long i;

	for (i = 0; i < count; i++)
		if (write(fd, frame, sizeof(*frame)) != sizeof(*frame))
			return -errno;
	printf("%.9f\n", seconds_now() - start);
	return 0;
}

static int write_until_answered(int fd, const struct frame *frame)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};
	double deadline = seconds_now() + ANSWER_SECONDS;
	struct frame answer;

	while (seconds_now() < deadline) {
		if (write(fd, frame, sizeof(*frame)) != sizeof(*frame))
			return -errno;
		while (poll(&readable, 1, RETRY_MS) > 0)
			if (read(fd, &answer, sizeof(answer)) == sizeof(answer) &&
			    is_answer(&answer, frame))
				return 0;
	}
	return -ETIMEDOUT;
}

int main(int argc, char **argv)
{
	uint8_t address[ETH_ALEN];
	struct in_addr destination;
	struct frame frame;
	int fd, err;

	if ((argc != 3 && argc != 4) || inet_pton(AF_INET, argv[2], &destination) != 1) {
		fprintf(stderr, "usage: generate TAP DESTINATION [COUNT]\n");
		return 2;
	}
	fd = err = open_tap(argv[1], address);
	if (fd >= 0) {
		frame = make_frame(address, destination.s_addr);
		err = argc == 4 ? write_many(fd, &frame, strtoul(argv[3], NULL, 10))
				: write_until_answered(fd, &frame);
		close(fd);
	}
	if (err)
		fprintf(stderr, "generate: %s: %s\n", argv[1], strerror(-err));
	return err ? 1 : 0;
}
