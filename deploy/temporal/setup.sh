#!/bin/sh
# Creates the namespace and the search attributes that the engine writes, then waits until they can be queried: a
# workflow that upserts an attribute which the server does not know yet repeats its task until it does.
# Safe to repeat. Needs TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and TEMPORAL_RETENTION.
set -eu

namespace() { temporal operator namespace "$@" --namespace "$TEMPORAL_NAMESPACE"; }

# A new namespace and a new attribute reach the server's caches within seconds, so each step is tried for a minute.
patiently() {
  tries_left=60
  until answer=$("$@" 2>&1); do
    tries_left=$((tries_left - 1))
    if [ "$tries_left" -eq 0 ]; then
      echo "gave up on '$*' after a minute: $answer" >&2
      exit 1
    fi
    sleep 1
  done
}

attribute() {
  patiently temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$1" --type "$2"
  patiently temporal workflow count --namespace "$TEMPORAL_NAMESPACE" --query "$1 IS NULL"
}

patiently temporal operator cluster health
namespace describe >/dev/null 2>&1 || patiently namespace create --retention "$TEMPORAL_RETENTION"

attribute HitlState Keyword
attribute HitlFlow Keyword
attribute HitlRequester Keyword
attribute HitlDue Datetime
attribute HitlPriority Int
attribute HitlAssignees KeywordList
attribute HitlGroups KeywordList
attribute HitlWaiting KeywordList

echo "namespace $TEMPORAL_NAMESPACE is ready"
