# Included by the Makefile: the images of the platform.
#   make images                           build what changed
#   make images push REGISTRY=host/path   and push it

.PHONY: images push images-test

# A published image names the commit that it was built from; one for the local
# cluster does not, or each commit would build all of them anew.
ifneq ($(filter push,$(MAKECMDGOALS)),)
images: export REVISION := $(shell git describe --always --abbrev=40 --dirty 2>/dev/null)
endif

images: ## Build the container images that changed
	@e2e/cluster/images/build.sh

push: images ## Push the platform's images (REGISTRY=host/path)
	@REGISTRY='$(REGISTRY)' e2e/cluster/images/push.sh

images-test: images ## Run each image as a restricted pod would; push to a test registry
	@e2e/cluster/images/test.sh
	@e2e/cluster/images/test-push.sh
