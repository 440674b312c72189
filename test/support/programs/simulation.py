"""A small simulation for tests: a chain of digests, one link a step, that can be continued exactly.

Which contract for checkpoints it keeps is its first argument; the rest: steps, milliseconds a step, and `--resume`.
"""
import hashlib
import os
import signal
import sys
import time

contract, steps, step_ms = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
resume = "--resume" in sys.argv
step, digest = 0, ""
asked = False


def write(path):
    """Slowly, in two parts: who reads it half-way gets half of it."""
    with open(path, "w") as file:
        file.write(f"{step}\n")
        file.flush()
        time.sleep(0.03)
        file.write(f"{digest}\nend\n")
    if contract == "large":
        with open("field.dat", "wb") as file:
            file.write(field())


def field():
    """40 MB that differ with each step."""
    return f"{digest}\n".encode() * 620_000


def read(path):
    with open(path) as file:
        lines = file.read().split("\n")
    if lines[2] != "end":
        sys.exit(f"{path} is torn")
    return int(lines[0]), lines[1]


def write_pair(between):
    """Two files that belong together, each written at once, with something else between them."""
    with open("x.dat", "w") as file:
        file.write(f"{step}\n")
    between()
    with open("v.dat", "w") as file:
        file.write(f"{step}\n{digest}\n")


def compute():
    time.sleep(0.25)


def stop():
    """Somebody has to send it on."""
    print(f"process {os.getpid()} stops", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)


def read_pair():
    with open("x.dat") as x, open("v.dat") as v:
        first, (second, digest) = x.read().strip(), v.read().split()
    if first != second:
        sys.exit(f"the pair is torn: {first} and {second}")
    return int(first), digest


def ask(*_):
    global asked
    asked = True


def latest():
    return "state.dat"


if contract in ("signal", "large", "periodic-signal"):
    signal.signal(signal.SIGUSR1, ask)
if contract == "exit-signal":
    signal.signal(signal.SIGTERM, ask)
if resume or (contract == "exit-85" and os.path.exists("state.dat")):
    step, digest = read_pair() if contract in ("pair", "stopped") else read("state.dat")
    if contract == "large" and open("field.dat", "rb").read() != field():
        sys.exit("field.dat is not that of state.dat")
print(f"begins at step {step}", flush=True)

begun = step
while step < steps:
    step += 1
    digest = hashlib.sha256(f"{digest}:{step}".encode()).hexdigest()
    if step_ms:
        time.sleep(step_ms / 1000)
    print(f"step {step} of {steps}", flush=True)
    if contract in ("signal", "large") and asked:
        asked = False
        write("state.dat")
    if contract == "exit-signal" and asked:
        write("state.dat")
        sys.exit(3)
    if contract == "stop-file" and os.path.exists("STOP"):
        write("state.dat")
        sys.exit(0)
    if contract == "exit-85" and step - begun >= 25 and step < steps:
        write("state.dat")
        sys.exit(85)
    if contract == "periodic" and step % 10 == 0:
        write("state.new")
        os.rename("state.new", "state.dat")
    if contract == "pair":
        write_pair(compute)
    if contract == "stopped" and step == 5:
        write_pair(compute)
    if contract == "stopped" and step == 65:
        write_pair(compute if resume else stop)
    if contract == "in-place" and step % 30 == 0:
        write("state.dat")

with open("final.txt", "w") as file:
    file.write(digest)
print("finished", flush=True)
