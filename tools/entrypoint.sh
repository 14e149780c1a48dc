#!/bin/bash
# Starts Neo4j with the contract of the official image: NEO4J_AUTH, NEO4J_AUTH_FILE, NEO4J_PLUGINS and NEO4J_<setting> (a dot is "_", an underscore "__").
set -eu

home=/var/lib/neo4j
conf=$home/conf/neo4j.conf
java=(/opt/java/bin/java --add-opens=java.base/java.nio=ALL-UNNAMED --add-opens=java.base/java.io=ALL-UNNAMED
  --add-opens=java.base/sun.nio.ch=ALL-UNNAMED --enable-native-access=ALL-UNNAMED -Dlog4j2.disable.jmx=true)
export NEO4J_HOME=$home NEO4J_CONF=$home/conf

fail() {
  echo "$1" >&2
  exit 1
}

set_setting() { # A key may stand in the file only once.
  sed -i "/^${1//./\\.}=/d" "$conf"
  printf '%s=%s\n' "$1" "$2" >>"$conf"
}

setting() {
  sed -n "s/^${1//./\\.}=//p" "$conf"
}

as_neo4j() { # Root only prepares the volumes; the server never runs as root.
  if [ "$(id -u)" = 0 ]; then exec setpriv --reuid=neo4j --regid=neo4j --clear-groups "$@"; else exec "$@"; fi
}

admin() {
  (cd $home && as_neo4j "${java[@]}" -cp "$home/lib/*" org.neo4j.cli.AdminTool "$@")
}

case "${1:-neo4j}" in
neo4j | console) ;;
neo4j-admin)
  shift
  admin "$@"
  exit
  ;;
*) as_neo4j "$@" ;;
esac

if [ -n "${NEO4J_AUTH_FILE:-}" ]; then
  [ -z "${NEO4J_AUTH:-}" ] || fail "set NEO4J_AUTH or NEO4J_AUTH_FILE, not both"
  NEO4J_AUTH=$(cat "$NEO4J_AUTH_FILE") || fail "NEO4J_AUTH_FILE: the file cannot be read"
fi

for name in $(compgen -e NEO4J_); do
  case "$name" in
  NEO4J_AUTH_FILE) continue ;;
  NEO4J_AUTH | NEO4J_PLUGINS | NEO4J_HOME | NEO4J_CONF | NEO4J_EDITION | NEO4J_ACCEPT_LICENSE_AGREEMENT | NEO4J_DEBUG) continue ;;
  esac
  set_setting "$(echo "${name#NEO4J_}" | sed 's/_/./g; s/\.\./_/g')" "${!name}"
done

for plugin in $(echo "${NEO4J_PLUGINS:-}" | tr -d '[]"' | tr ',' ' '); do
  [ -d "$home/products/$plugin" ] || fail "NEO4J_PLUGINS: this image has no $plugin, only: $(ls $home/products)"
  cp "$home/products/$plugin/"*.jar "$home/plugins/"
  [ "$plugin" != graph-data-science ] || set_setting dbms.security.procedures.unrestricted 'gds.*'
done

[ "$(id -u)" != 0 ] || chown -R neo4j:neo4j /data /logs $home/conf $home/plugins

case "${NEO4J_AUTH:-}" in
none) set_setting dbms.security.auth_enabled false ;;
"") ;;
neo4j/neo4j) fail "NEO4J_AUTH: the password may not be neo4j" ;;
neo4j/*) [ -d /data/databases/system ] || admin dbms set-initial-password "${NEO4J_AUTH#neo4j/}" ;;
*) fail "NEO4J_AUTH: expected none or neo4j/<password>" ;;
esac

heap_first=$(setting server.memory.heap.initial_size)
heap_most=$(setting server.memory.heap.max_size)
cd $home
as_neo4j "${java[@]}" ${heap_first:+-Xms$heap_first} ${heap_most:+-Xmx$heap_most} $(setting server.jvm.additional) \
  -cp "$home/plugins/*:$home/conf/*:$home/lib/*" org.neo4j.server.Neo4jCommunity --home-dir=$home --config-dir=$home/conf --console-mode
