# shellcheck shell=bash disable=SC2034,SC2154
# The way in: the gateway's NodePort, as 127.0.0.1:$port of the host. Sourced
# after process.sh.

gateway_node_port=30080

# forward_port_check: the port is ours already, or free. Called early, so that
# nobody waits minutes for that answer.
forward_port_check() {
    local pid
    if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then die "PORT=$port is no port number"; fi
    if pid=$(pid_of forwarder) && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *" 127.0.0.1:$port "* ]]; then
        return
    fi
    if [[ -e $run/kind && $(<"$run/kind") == "$port" ]]; then return; fi
    if (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        die "port $port of this machine is taken by another program; choose one: make up PORT=8090"
    fi
}

forward() {
    ensure forwarder -- "$bin/forwarder" "127.0.0.1:$port" "$node_ip:$gateway_node_port"
}
