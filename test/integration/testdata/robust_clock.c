/* A wall clock that a test sets, for a program in Go: LD_PRELOAD it, and name in ROBUST_CLOCK a
 * file of 8 bytes, the seconds that the clock is ahead, which may change at any time.
 *
 * Go asks for the time in the kernel's vDSO, which it finds in the auxiliary vector, and so
 * passes by the functions of libc that could be replaced. This library puts a copy of itself
 * there in the place of the vDSO, before Go looks. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Not in .bss, which the file has not got. The copy has its own. */
static const volatile int64_t *volatile ahead __attribute__((section(".data"))) = NULL;

/* Called on a small stack of Go's; it may call nothing. */
int __vdso_clock_gettime(clockid_t id, struct timespec *ts)
{
	long r;

	__asm__ volatile("syscall" : "=a"(r) : "a"(SYS_clock_gettime), "D"((long)id), "S"(ts) : "rcx", "r11", "memory");
	if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *ahead;
	return r;
}

static void check(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		abort();
	}
}

__attribute__((constructor)) static void begin(int argc, char **argv, char **env)
{
	(void)argc, (void)argv;
	const char *name = getenv("ROBUST_CLOCK");
	check(name != NULL, "ROBUST_CLOCK");
	int fd = open(name, O_RDONLY);
	void *shared = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, fd, 0);
	check(shared != MAP_FAILED, name);
	close(fd);

	/* The copy is not taken from memory, where the linker has changed the addresses in it. */
	Dl_info own;
	check(dladdr((void *)begin, &own), "dladdr");
	const char *base = own.dli_fbase;
	const ElfW(Ehdr) *head = (const void *)base;
	const ElfW(Phdr) *part = (const void *)(base + head->e_phoff);
	size_t size = 0;
	for (int i = 0; i < head->e_phnum; i++)
		if (part[i].p_type == PT_LOAD && part[i].p_vaddr + part[i].p_memsz > size)
			size = part[i].p_vaddr + part[i].p_memsz;
	char *copy = mmap(NULL, size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(copy != MAP_FAILED, "mmap");
	fd = open(own.dli_fname, O_RDONLY);
	for (int i = 0; i < head->e_phnum; i++)
		if (part[i].p_type == PT_LOAD)
			check(pread(fd, copy + part[i].p_vaddr, part[i].p_filesz, part[i].p_offset) == (ssize_t)part[i].p_filesz, own.dli_fname);
	close(fd);
	/* Go looks for parts by their place in the file, which in a vDSO is that in memory. */
	ElfW(Phdr) *copied = (void *)(copy + head->e_phoff);
	for (int i = 0; i < head->e_phnum; i++)
		copied[i].p_offset = copied[i].p_vaddr;
	*(void **)(copy + ((const char *)&ahead - base)) = shared;

	while (*env++ != NULL)
		;
	for (ElfW(auxv_t) *a = (void *)env; a->a_type != AT_NULL; a++)
		if (a->a_type == AT_SYSINFO_EHDR)
			a->a_un.a_val = (uintptr_t)copy;
}
