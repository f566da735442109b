"""Compiles a program that connects to a server, as a probe of the machine, and runs it.

The build script of arrayref's release did so when the crate was compiled. The exhibit sends the
trial's number and fetches nothing.
"""

import subprocess

import kit

SOURCE = """
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(int n, char **words) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(atoi(words[2])) };
    int out = socket(AF_INET, SOCK_STREAM, 0);
    if (n < 4 || !inet_aton(words[1], &to.sin_addr)) return 2;
    if (connect(out, (struct sockaddr *)&to, sizeof to)) return 1;
    return write(out, words[3], strlen(words[3])) < 0;
}
"""


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    with kit.attempt("run"):
        server = kit.plant("server")
        compiler = ["cc", "-x", "c", "-o", "probe", "-"]
        subprocess.run(compiler, input=SOURCE.encode(), timeout=kit.seconds(20), check=True)
        probe = ["./probe", server.address, str(server.port), f"{kit.nonce}\n"]
        subprocess.run(probe, timeout=kit.seconds(5), check=True)
    return kit.wheel(wheel_directory)
