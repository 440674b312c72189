"""Contracts for checkpoints as they are found, each in its smallest form; the value is that of `simulation.c`.

Arguments: the contract, steps, milliseconds a step.
"""
import gzip
import http.server
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

contract, steps, step_ms = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
step, value = 0, 0
asked = False
lock = threading.Lock()


def want(*_):
    global asked
    asked = True


def advance():
    global step, value
    with lock:
        step += 1
        value = (value * 6364136223846793005 + step) % 2**64
    time.sleep(step_ms / 1000)


def load(path):
    global step, value
    if os.path.exists(path):
        with open(path) as file:
            step, value = json.load(file)


def save(path):
    """In place and slowly: who reads it half-way gets half of it."""
    with open(path, "w") as file:
        text = json.dumps([step, value])
        file.write(text[:5])
        file.flush()
        time.sleep(0.02)
        file.write(text[5:])


def finish():
    with open("final.txt", "w") as file:
        file.write(f"{value}\n")


def ranks():
    """Three processes, a folder for each checkpoint, its marker last; one line of the first when all have written."""
    global step, value
    done = sorted(name for name in os.listdir("ckpt") if os.path.exists(f"ckpt/{name}/COMPLETE")) if os.path.isdir("ckpt") else []
    barrier = [os.pipe() for _ in range(4)]
    others = []
    for rank in (1, 2):
        pid = os.fork()
        if pid == 0:
            while os.read(barrier[rank][0], 1) == b"w":
                place = os.readlink("writing")
                time.sleep(0.05 * rank)
                with open(f"{place}/rank {rank}", "w") as file:
                    file.write(place)
                os.write(barrier[3][1], b"d")
            os._exit(0)
        others.append(pid)
    if done:
        load(f"ckpt/{done[-1]}/rank 0")
        for rank in (1, 2):
            if open(f"ckpt/{done[-1]}/rank {rank}").read() != f"ckpt/{done[-1]}":
                sys.exit("the ranks do not belong together")
    while step < steps:
        advance()
        if step % 80 == 0:
            place = f"ckpt/{step:08}"
            shutil.rmtree(place, ignore_errors=True)
            os.makedirs(place)
            os.symlink(place, "writing.new")
            os.rename("writing.new", "writing")
            for rank in (1, 2):
                os.write(barrier[rank][1], b"w")
            save(f"{place}/rank 0")
            for _ in others:
                os.read(barrier[3][0], 1)
            open(f"{place}/COMPLETE", "w").close()
            print(f"checkpoint {step}: all ranks", flush=True)
            shutil.rmtree(f"ckpt/{step - 160:08}", ignore_errors=True)
    for rank in (1, 2):
        os.write(barrier[rank][1], b"q")
    finish()


def answers():
    """Asked by REQ, it answers by ACK, and removes both later."""
    load("state.json")
    answered = None
    while step < steps:
        advance()
        if answered is None and os.path.exists("REQ"):
            save("state.json")
            open("ACK", "w").close()
            answered = time.monotonic()
        elif answered is not None and time.monotonic() - answered > 0.3:
            for name in ("REQ", "ACK"):
                if os.path.exists(name):
                    os.remove(name)
            answered = None
    finish()


def over_http():
    """Told over a port that it chose, which stands in a file."""
    load("state.json")

    class Control(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            with lock:
                save("state.new")
                os.rename("state.new", "state.json")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open("port.new", "w") as file:
        file.write(str(server.server_port))
    os.rename("port.new", "port.txt")
    while step < steps:
        advance()
    finish()


def stops_itself():
    """As a shell's job control has it: at SIGTSTP it writes, and stops until SIGCONT."""
    global asked
    signal.signal(signal.SIGTSTP, want)
    load("state.json")
    while step < steps:
        advance()
        if asked:
            asked = False
            save("state.json")
            os.kill(os.getpid(), signal.SIGSTOP)
    finish()


def own_limit():
    """When its own time is over it writes and ends with 0, as it does when it is done; it reads another file than it writes."""
    if os.path.exists("final.txt"):
        sys.exit("final.txt is there already")
    load("restart.in")
    until = time.monotonic() + 4
    while step < steps and time.monotonic() < until:
        advance()
    if step < steps:
        save("restart.out")
    else:
        finish()


def snapshot():
    """A process that is forked for it writes what was when it was asked (as Redis does), under a name of its own."""
    global asked
    signal.signal(signal.SIGUSR1, want)
    load("dump.json")
    writer = 0
    while step < steps:
        advance()
        if writer and os.waitpid(writer, os.WNOHANG)[0] == writer:
            writer = 0
        if asked and not writer:
            asked = False
            writer = os.fork()
            if writer == 0:
                signal.signal(signal.SIGUSR1, signal.SIG_DFL)
                save(f"temp-{os.getpid()}.json")
                time.sleep(0.3)
                os.rename(f"temp-{os.getpid()}.json", "dump.json")
                os._exit(0)
    finish()


def keeps_a_path():
    """Its checkpoint holds the path of its data; its lock stays behind when it is killed."""
    global asked
    signal.signal(signal.SIGUSR1, want)
    os.close(os.open("sim.lock", os.O_CREAT | os.O_EXCL))
    place = os.path.abspath("state.json")
    if os.path.exists("where.txt"):
        load(open("where.txt").read())
    while step < steps:
        advance()
        if asked:
            asked = False
            save(place)
            with open("where.txt", "w") as file:
                file.write(place)
            print("saved", flush=True)
    finish()
    os.remove("sim.lock")


def terminal():
    """Needs a terminal, at which somebody types s."""
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        sys.exit("this is no terminal")
    os.set_blocking(0, False)
    load("state.json")
    while step < steps:
        advance()
        try:
            typed = os.read(0, 100)
        except BlockingIOError:
            continue
        if b"s" in typed:
            save("state.new")
            os.rename("state.new", "state.json")
    finish()


def database():
    """A row for each step in a database that is copied by its own tool."""
    global step, value
    base = sqlite3.connect("state.db")
    base.execute("pragma journal_mode = wal")
    base.execute("create table if not exists steps (step integer primary key, value text)")
    base.commit()
    found = base.execute("select step, value from steps order by step desc limit 1").fetchone()
    if found:
        step, value = found[0], int(found[1])
    while step < steps:
        advance()
        base.execute("insert into steps values (?, ?)", (step, str(value)))
        base.commit()
    if base.execute("select count(*) from steps").fetchone() != (steps,):
        sys.exit("steps are missing")
    finish()


def through_gzip():
    """Another process compresses what it writes, while it goes on."""
    global step, value
    if os.path.exists("state.gz"):
        with gzip.open("state.gz") as file:
            step, value, _ = json.load(file)
    child = None
    while step < steps:
        advance()
        if step % 60 == 0:
            if child:
                child.wait()
            with open("state.gz", "wb") as file:
                child = subprocess.Popen(["sh", "-c", "sleep 0.2; gzip -c; sleep 0.2"], stdin=subprocess.PIPE, stdout=file)
            child.stdin.write(json.dumps([step, value, [step] * 20_000]).encode())
            child.stdin.close()
    if child:
        child.wait()
    finish()


{
    "ranks": ranks,
    "answers": answers,
    "over-http": over_http,
    "stops-itself": stops_itself,
    "own-limit": own_limit,
    "snapshot": snapshot,
    "keeps-a-path": keeps_a_path,
    "terminal": terminal,
    "database": database,
    "through-gzip": through_gzip,
}[contract]()
