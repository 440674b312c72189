"""Keeps its state in a file that is mapped into its memory: every page of it holds the same when it is whole."""
import mmap, os, sys, time

PAGES, PAGE = 64, 4096
passes = int(sys.argv[1])
resumed = os.path.exists("state.bin")
with open("state.bin", "r+b" if resumed else "w+b") as file:
    file.truncate(PAGES * PAGE)
    state = mmap.mmap(file.fileno(), PAGES * PAGE)
if resumed:
    with open("whole.txt", "w") as file:
        file.write(" ".join(sorted({str(state[page * PAGE]) for page in range(PAGES)})))
    sys.exit(0)
for step in range(1, passes + 1):
    for page in range(PAGES):
        state[page * PAGE] = step
        time.sleep(0.001)
print("rests", flush=True)
time.sleep(600)
