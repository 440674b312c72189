/* A small simulation in C for tests: a chain of numbers, one link a step, that can be continued exactly.
 *
 * Which contract for checkpoints it keeps is its first argument; the rest: steps, milliseconds a step, and what to
 * resume from, if anything. Checkpoints end with a line `end`, and are written slowly: who reads one half-way gets half.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *contract;
static long step, steps, step_ms;
static uint64_t value;
static volatile sig_atomic_t asked;

static void on_signal(int signal) { asked = signal; }
static int is(const char *name) { return strcmp(contract, name) == 0; }

static void rest(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0) continue;
}

static void fail(const char *what) {
  perror(what);
  exit(9);
}

/* In two parts, with a pause between; `closed`: the file is closed during it, as some codes do for each record. */
static void write_state(const char *path, int closed) {
  FILE *file = fopen(path, "w");
  if (file == NULL) fail(path);
  fprintf(file, "%ld\n", step);
  fflush(file);
  if (closed) fclose(file);
  rest(30);
  if (closed && (file = fopen(path, "a")) == NULL) fail(path);
  fprintf(file, "%llu\nend\n", (unsigned long long)value);
  if (fclose(file) != 0) fail(path);
}

static void read_state(const char *path) {
  unsigned long long read = 0;
  char last[8] = "";
  FILE *file = fopen(path, "r");
  if (file == NULL) fail(path);
  if (fscanf(file, "%ld %llu %7s", &step, &read, last) != 3 || strcmp(last, "end") != 0) {
    fprintf(stderr, "%s is torn\n", path);
    exit(9);
  }
  fclose(file);
  value = read;
}

/* The trajectory has a line a step; what a lost attempt wrote beyond the checkpoint is cut off. */
static FILE *open_trajectory(void) {
  FILE *file = fopen("trajectory.txt", "a+");
  char line[64];
  long kept = 0;
  if (file == NULL) fail("trajectory.txt");
  for (long n = 0; n < step; n += 1) {
    if (fgets(line, sizeof line, file) == NULL) {
      fprintf(stderr, "trajectory.txt has only %ld of %ld steps\n", n, step);
      exit(9);
    }
    kept = ftell(file);
  }
  if (ftruncate(fileno(file), kept) != 0) fail("trajectory.txt");
  return file;
}

/* A folder for each checkpoint, a link that names the newest, the folder before the last one removed. */
static void write_folder(void) {
  static long older, old;
  char path[64], part[96];
  snprintf(path, sizeof path, "ckpt/%ld", step);
  mkdir("ckpt", 0777);
  mkdir(path, 0777);
  for (int n = 0; n < 2; n += 1) {
    snprintf(part, sizeof part, "%s/part.%d", path, n);
    write_state(part, 0);
  }
  unlink("latest.new");
  if (symlink(path, "latest.new") != 0 || rename("latest.new", "latest") != 0) fail("latest");
  if (older > 0) {
    for (int n = 0; n < 2; n += 1) {
      snprintf(part, sizeof part, "ckpt/%ld/part.%d", older, n);
      unlink(part);
    }
    snprintf(path, sizeof path, "ckpt/%ld", older);
    rmdir(path);
  }
  older = old;
  old = step;
}

/* restart.<step>, the last two of them are kept. */
static void write_numbered(void) {
  static long old, older;
  char path[64];
  snprintf(path, sizeof path, "restart.%ld", step);
  write_state(path, 1);
  snprintf(path, sizeof path, "restart.%ld", older);
  if (older > 0) unlink(path);
  older = old;
  old = step;
}

static void write_renamed(void) {
  write_state("state.tmp", 0);
  if (rename("state.tmp", "state.dat") != 0) fail("state.dat");
}

/* A journal, a line a step, written in two parts: nothing but its lines is kept, and a half one is of no use. */
static FILE *open_journal(void) {
  FILE *file = fopen("journal.txt", "a+");
  char line[64];
  if (file == NULL) fail("journal.txt");
  while (fgets(line, sizeof line, file) != NULL) {
    unsigned long long read = 0;
    long said = 0;
    if (strchr(line, '\n') == NULL || sscanf(line, "%ld %llu", &said, &read) != 2 || said != step + 1) {
      fprintf(stderr, "journal.txt is torn behind step %ld\n", step);
      exit(9);
    }
    step = said;
    value = read;
  }
  return file;
}

static void write_journal(FILE *file) {
  fprintf(file, "%ld ", step);
  fflush(file);
  rest(step_ms / 2 + 1);
  fprintf(file, "%llu\n", (unsigned long long)value);
  fflush(file);
}

/* A ledger that is written in place all the time: first into `redo.bin`, then block by block into `ledger.bin`. It is
 * right after the program was killed at any moment, and wrong when the two are of different moments. */
enum { BLOCKS = 64, BLOCK_BYTES = 4096 };
struct entry {
  long step;
  uint64_t value, check;
};

static struct entry entry_of(long at, uint64_t holds) {
  struct entry made = {at, holds, ((uint64_t)at * 2654435761u) ^ holds};
  return made;
}

static int is_whole(struct entry entry) { return entry.check == entry_of(entry.step, entry.value).check; }

static void put(int file, long at, struct entry entry) {
  if (pwrite(file, &entry, sizeof entry, at) != (ssize_t)sizeof entry) fail("pwrite");
}

static struct entry get(int file, long at) {
  struct entry entry = {0, 0, 0};
  if (pread(file, &entry, sizeof entry, at) != (ssize_t)sizeof entry) entry.check = 1;
  return entry;
}

/* Each step by a process of its own. */
static void write_ledger(int redo, int ledger) {
  pid_t child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    put(redo, 0, entry_of(step, value));
    for (int n = 0; n < BLOCKS; n += 1) {
      put(ledger, (long)n * BLOCK_BYTES, entry_of(step, value));
      if (n % (step_ms > 50 ? 1 : 4) == 0) rest(1); /* It never holds still for longer. */
    }
    _exit(0);
  }
  int status = 0;
  if (waitpid(child, &status, 0) != child || status != 0) fail("a step");
}

static void read_ledger(int redo, int ledger) {
  struct entry next = get(redo, 0), first = get(ledger, 0), last = first;
  for (int n = 0; n < BLOCKS; n += 1) {
    last = get(ledger, (long)n * BLOCK_BYTES);
    int is_next = last.step == next.step, is_first = last.step == first.step;
    if (!is_whole(last) || (!is_next && !is_first && last.step != next.step - 1)) {
      fprintf(stderr, "ledger.bin is of several moments: step %ld, then %ld, with a redo of %ld\n", first.step, last.step, next.step);
      exit(9);
    }
  }
  if (last.step != next.step && last.step != next.step - 1) {
    fprintf(stderr, "redo.bin and ledger.bin are of two moments: steps %ld and %ld\n", next.step, last.step);
    exit(9);
  }
  step = next.step;
  value = next.value;
}

/* A line on a pipe: standard input, or a named one that a control program writes to. */
static int told(int pipe) {
  char text[64];
  struct pollfd look = {pipe, POLLIN, 0};
  return poll(&look, 1, 0) > 0 && read(pipe, text, sizeof text) > 0;
}

int main(int count, char **words) {
  if (count < 4) return 2;
  contract = words[1];
  steps = atol(words[2]);
  step_ms = atol(words[3]);
  if (is("background")) {
    if (fork() > 0) return 0; /* What was started is over at once; the work goes on in a session of its own. */
    setsid();
    if (fork() > 0) return 0;
  }
  if (is("trajectory")) signal(SIGUSR1, on_signal);
  if (is("term-85") || is("term-again")) signal(SIGTERM, on_signal);
  if (is("renamed") || is("background")) signal(SIGTERM, SIG_IGN);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (count > 4) read_state(words[4]);
  FILE *trajectory = is("trajectory") || is("numbered") ? open_trajectory() : NULL;
  FILE *journal = is("journal") ? open_journal() : NULL;
  int redo = -1, ledger = -1;
  if (is("ledger")) {
    int is_there = access("ledger.bin", F_OK) == 0;
    redo = open("redo.bin", O_RDWR | O_CREAT, 0600);
    ledger = open("ledger.bin", O_RDWR | O_CREAT, 0600);
    if (redo < 0 || ledger < 0) fail("ledger.bin");
    if (is_there) read_ledger(redo, ledger);
    write_ledger(redo, ledger); /* Once more what may be half written. */
    printf("ready\n");
  }
  int control = is("stdin") ? STDIN_FILENO : -1;
  if (is("command")) {
    mkfifo("control", 0600);
    control = open("control", O_RDWR | O_NONBLOCK);
  }
  printf("begins at step %ld\n", step);
  while (step < steps) {
    step += 1;
    value = value * 6364136223846793005u + (uint64_t)step;
    if (!is("ledger")) rest(step_ms);
    printf("step %ld of %ld\n", step, steps);
    if (trajectory != NULL) {
      fprintf(trajectory, "%ld %llu\n", step, (unsigned long long)value);
      fflush(trajectory);
    }
    if (journal != NULL) write_journal(journal);
    if (redo >= 0) write_ledger(redo, ledger);
    int each = step % 10 == 0;
    if (is("numbered") && each) write_numbered();
    if (is("folders") && each) write_folder();
    if ((is("renamed") || is("background")) && each) write_renamed();
    if (is("alternate") && each) write_state(step % 20 == 0 ? "restart.a" : "restart.b", 1);
    if (is("marker") && each) {
      unlink("state.ok");
      write_state("state.dat", 1);
      fclose(fopen("state.ok", "w"));
    }
    if (is("trajectory") && asked) {
      asked = 0;
      write_renamed();
    }
    if (is("term-85") && asked) {
      write_state("state.dat", 0);
      return 85;
    }
    if (is("term-again") && asked) { /* Ends by the signal that asked, as a good citizen does. */
      write_state("state.dat", 0);
      signal(SIGTERM, SIG_DFL);
      raise(SIGTERM);
    }
    if (control >= 0 && told(control)) {
      write_state("state.dat", 0);
      printf("checkpoint %ld written\n", step);
    }
  }
  if (trajectory != NULL) fclose(trajectory);
  if (journal != NULL) fclose(journal);
  FILE *file = fopen("final.txt", "w");
  if (file == NULL) fail("final.txt");
  fprintf(file, "%llu\n", (unsigned long long)value);
  if (fclose(file) != 0) fail("final.txt");
  printf("finished\n");
  return is("numbered") ? 3 : 0; /* One that ends with another code though it is finished. */
}
