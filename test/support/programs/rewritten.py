"""Writes its state in place, in one go, several times a second: as numpy.save, saveRDS and many a script do."""
import os, sys, time

steps, step = int(sys.argv[1]), 0
if os.path.exists("state.txt"):
    with open("state.txt") as file:
        words = file.read().split()
    if len(set(words)) != 1 or len(words) != 64:
        sys.exit(f"torn: {len(words)} words, {sorted(set(words))}")
    step = int(words[0])
while step < steps:
    step += 1
    with open("state.txt", "w") as file:
        for _ in range(64):
            file.write(f"{step}\n")
            file.flush()
            time.sleep(0.002)
    time.sleep(int(sys.argv[2]) / 1000)
with open("final.txt", "w") as file:
    file.write(f"{step}\n")
