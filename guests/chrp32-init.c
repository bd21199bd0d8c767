/*
 * The first and only program of the 32-bit guests: it does what the kernel's argument vof.run= lists, separated by
 * commas, or asks on the console. Debian has no packages for these machines.
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/rtc.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void show(const char *path)
{
    char buffer[4096];
    int file = open(path, O_RDONLY);
    ssize_t got;
    if (file < 0) {
        perror(path);
        return;
    }
    while ((got = read(file, buffer, sizeof buffer)) > 0)
        fwrite(buffer, 1, got, stdout);
    close(file);
}

static void date(void)
{
    printf("vof: date %lld\n", (long long)time(NULL));
}

static void set_date(void)
{
    struct rtc_time wanted = {.tm_year = 128, .tm_mon = 1, .tm_mday = 29, .tm_hour = 12, .tm_min = 34, .tm_sec = 56};
    struct rtc_time now;
    int file = open("/dev/rtc0", O_RDWR);
    if (file < 0 || ioctl(file, RTC_SET_TIME, &wanted) || ioctl(file, RTC_RD_TIME, &now))
        perror("/dev/rtc0");
    else
        printf("vof: clock %d-%d-%d %d:%d\n", now.tm_year + 1900, now.tm_mon + 1, now.tm_mday, now.tm_hour, now.tm_min);
    close(file);
}

static void interrupts(void)
{
    printf("vof: interrupts\n");
    show("/proc/interrupts");
    printf("vof: end\n");
}

/* A directory of the device tree: what is no directory is a property. */
static void walk(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    char below[512];
    static unsigned char buffer[65536];
    if (!directory)
        return;
    printf("vof: node %s\n", path + strlen("/proc/device-tree"));
    while ((entry = readdir(directory))) {
        /* Linux 6.1's own property, which it fills with ones, its file's operations included: to open it is an oops. */
        if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "pci-OF-bus-map"))
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        struct stat status;
        if (lstat(below, &status))
            continue;
        if (S_ISDIR(status.st_mode)) {
            walk(below);
        } else if (S_ISREG(status.st_mode)) {
            int file = open(below, O_RDONLY);
            ssize_t got = read(file, buffer, sizeof buffer);
            close(file);
            printf("vof: property %s ", below + strlen("/proc/device-tree"));
            for (ssize_t place = 0; place < got; place++)
                printf("%02x", buffer[place]);
            printf("\n");
        }
    }
    closedir(directory);
}

static void tree(void)
{
    walk("/proc/device-tree");
    printf("vof: end\n");
}

/* CRC-32 as zlib has it. */
static uint32_t crc(uint32_t sum, const unsigned char *data, size_t size)
{
    sum = ~sum;
    while (size--) {
        sum ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
    return ~sum;
}

static void disk(void)
{
    static unsigned char buffer[65536];
    DIR *directory;
    struct dirent *entry;
    char path[512];
    if (mount("/dev/sda", "/mnt", "ext4", MS_RDONLY, "")) {
        perror("/dev/sda");
        return;
    }
    directory = opendir("/mnt");
    while (directory && (entry = readdir(directory))) {
        snprintf(path, sizeof path, "/mnt/%s", entry->d_name);
        int file = open(path, O_RDONLY);
        uint32_t sum = 0;
        long size = 0;
        ssize_t got;
        if (entry->d_type != DT_REG || file < 0)
            continue;
        while ((got = read(file, buffer, sizeof buffer)) > 0)
            sum = crc(sum, buffer, got), size += got;
        close(file);
        printf("vof: file %s %ld %08x\n", entry->d_name, size, sum);
    }
    closedir(directory);
    umount("/mnt");
}

static void nvram(void)
{
    char before[17] = "", after[17] = "";
    int file = open("/dev/nvram", O_RDWR);
    /* In what the firmware's partitions leave free. */
    if (file < 0 || pread(file, before, 16, 0x1800) != 16 || pwrite(file, "kept by vof     ", 16, 0x1800) != 16
        || pread(file, after, 16, 0x1800) != 16)
        perror("/dev/nvram");
    printf("vof: nvram [%s] [%s]\n", before, after);
    close(file);
}

static void cpus(void)
{
    show("/proc/cpuinfo");
}

static void memory(void)
{
    show("/proc/meminfo");
}

/* Whatever was printed has left, and whatever was written is on the disk. */
static void finish(void)
{
    fflush(stdout);
    tcdrain(STDOUT_FILENO);
    sync();
}

static void power_off(void)
{
    finish();
    reboot(RB_POWER_OFF);
}

static void start_again(void)
{
    finish();
    reboot(RB_AUTOBOOT);
}

static void help(void);

static const struct {
    const char *name;
    void (*run)(void);
} commands[] = {
    {"cpus", cpus},         {"date", date},         {"disk", disk},     {"help", help},
    {"interrupts", interrupts}, {"memory", memory}, {"nvram", nvram},   {"poweroff", power_off},
    {"reboot", start_again}, {"set-date", set_date}, {"tree", tree},
};

static void help(void)
{
    for (size_t number = 0; number < sizeof commands / sizeof *commands; number++)
        printf("%s ", commands[number].name);
    printf("\n");
}

static void run(const char *name)
{
    for (size_t number = 0; number < sizeof commands / sizeof *commands; number++)
        if (!strcmp(commands[number].name, name)) {
            commands[number].run();
            return;
        }
    if (*name)
        printf("no command %s; `help` lists those there are\n", name);
}

int main(void)
{
    static char line[4096];
    mount("proc", "/proc", "proc", 0, "");
    mount("sys", "/sys", "sysfs", 0, "");
    mount("dev", "/dev", "devtmpfs", 0, "");
    setvbuf(stdout, NULL, _IOLBF, 0);
    dup2(1, 2);
    printf("vof: user space is up\n");
    int file = open("/proc/cmdline", O_RDONLY);
    ssize_t got = read(file, line, sizeof line - 1);
    close(file);
    line[got > 0 ? got : 0] = 0;
    char *wanted = strstr(line, "vof.run=");
    if (wanted) {
        wanted += strlen("vof.run=");
        wanted[strcspn(wanted, " \n")] = 0;
        for (char *name = strtok(wanted, ","); name; name = strtok(NULL, ","))
            run(name);
    }
    for (;;) {
        printf("~ # ");
        fflush(stdout);
        if (!fgets(line, sizeof line, stdin)) {
            sleep(1);
            clearerr(stdin);
            continue;
        }
        line[strcspn(line, "\r\n")] = 0;
        run(line);
    }
}
