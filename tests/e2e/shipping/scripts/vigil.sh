# A command that says that it has begun, and ends once it is told to.
printf '%s\n' "$HITL_KEY" >> begun.txt
while [ ! -e enough ]; do sleep 0.05; done
