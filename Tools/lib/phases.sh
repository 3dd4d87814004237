# Sourced by Tools/test and Tools/check: runs a script's steps, a line and a log for each.

log_folder=.build/logs
passed=0
failed=0

# phase NAME COMMAND…: one line with the verdict, the seconds, and those of the processor, which say more on a busy machine; if
# it failed, the errors in its log and the end of it.
phase() {
    local name=$1 log="$log_folder/${1// /-}.log" began=$SECONDS verdict=0 cpu TIMEFORMAT='%U %S'
    shift
    mkdir -p "$log_folder"
    cpu=$({ time "$@" >"$log" 2>&1 </dev/null; } 2>&1) || verdict=$?
    cpu=$(awk '{ gsub(",", "."); printf "%.0f", $1 + $2 }' <<<"$cpu")
    if ((verdict == 0)); then
        printf 'ok    %-28s %4d s %5d s of CPU\n' "$name" $((SECONDS - began)) "$cpu"
        return 0
    fi
    printf 'FAIL  %-28s %4d s %5d s of CPU   %s\n' "$name" $((SECONDS - began)) "$cpu" "$log"
    {
        grep -v '^ok ' "$log" | grep -E '^FAIL |(^|[ :])(error|fatal): |recorded an issue' | sort -u | head -n 20
        echo ...
        grep -vE '^(✔|◇|ok )' "$log" | tail -n 30
    } | cut -c 1-1000 | sed 's/^/      /'
    return 1
}

# step NAME COMMAND…: a phase that counts as one test.
step() {
    if phase "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        return 1
    fi
}

# tests NAME COMMAND…: a phase whose tests are counted, by the lines that Swift Testing prints.
tests() {
    local log="$log_folder/${1// /-}.log" verdict=0 run=0 bad=0
    phase "$@" || verdict=1
    run=$(sed -n 's/.*Test run with \([0-9]*\) tests\{0,1\}.*/\1/p' "$log" | tail -1)
    bad=$(grep -c ' Test [^ ].* failed after ' "$log" | tail -1) || true
    # The run itself has such a line, too, and a crash has none.
    ! grep -q 'Test run with .* failed after ' "$log" || bad=$((bad - 1))
    if ((verdict != 0 && bad < 1)); then bad=1; fi
    if ((verdict == 0 && ${run:-0} == 0)); then
        echo "FAIL  $1: no test was run"
        bad=1 verdict=1
    fi
    run=${run:-$bad}
    passed=$((passed + run - bad))
    failed=$((failed + bad))
    return $verdict
}

# verdicts NAME COMMAND…: a phase that prints a line with ok or FAIL for each thing it tries.
verdicts() {
    local log="$log_folder/${1// /-}.log" verdict=0 good bad
    phase "$@" || verdict=1
    good=$(grep -c '^ok ' "$log") bad=$(grep -c '^FAIL ' "$log")
    if ((verdict != 0 && bad == 0)); then bad=1; fi
    passed=$((passed + good))
    failed=$((failed + bad))
    return $verdict
}

# beside FUNCTION: runs a function's steps while the script goes on; `await` waits for them.
beside() {
    mkdir -p "$log_folder"
    # A process group of its own, so that all of it can be ended. Bash would let it ignore an interrupt.
    set -m
    (
        set +m
        passed=0 failed=0
        "$1"
        echo "$passed $failed" >"$log_folder/beside.counts"
    ) >"$log_folder/beside.lines" </dev/null &
    set +m
    beside=$!
    trap 'kill -- "-$beside" 2>/dev/null' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

# await: prints the lines of the steps that ran beside, and counts their tests.
await() {
    local good=0 bad=1
    if wait "$beside"; then read -r good bad <"$log_folder/beside.counts"; fi
    trap - EXIT INT TERM
    cat "$log_folder/beside.lines"
    passed=$((passed + good))
    failed=$((failed + bad))
}

# The last line, and the exit code.
finish() {
    echo "$passed passed, $failed failed"
    ((failed == 0))
    exit
}
