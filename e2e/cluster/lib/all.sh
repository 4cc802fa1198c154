# shellcheck shell=bash disable=SC2034,SC2154
# Everything, in the order in which it builds on one another. The caller has set
# `here` to the folder of the scripts.

for part in common lock process packages binaries network pki apiserver controlplane node addons \
    images forward platform cluster kind; do
    # shellcheck source=/dev/null
    source "$here/lib/$part.sh"
done
