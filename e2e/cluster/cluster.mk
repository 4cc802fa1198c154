# The cluster with the platform on it. The scripts say what their variables do:
# PORT, CLUSTER, PURGE, COMPONENT, FOLLOW, TAIL, NODE.

.PHONY: up
up: ## Make a Kubernetes cluster with the platform on it (PORT=8080)
	@bash e2e/cluster/up.sh

.PHONY: down
down: ## End the cluster; PURGE=1 removes its data too
	@bash e2e/cluster/down.sh

.PHONY: status
status: ## Show what runs in the cluster, and what is awaited
	@bash e2e/cluster/status.sh

.PHONY: logs
logs: ## Show what the pods said (COMPONENT=catalog FOLLOW=1)
	@bash e2e/cluster/logs.sh
