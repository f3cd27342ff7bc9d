# Everything that is done with this tree. `make help` lists it.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/multi-eni
checkout := $(shell printf %s '$(CURDIR)' | sha256sum | cut -c1-12)
host := $(shell rustc -vV | sed -n 's/^host: //p')

# All checkouts of a user share what they compile of others, and nothing that is their own: see .ci/rustc.
export CARGO_BUILD_BUILD_DIR ?= $(cache)/build
export CARGO_TARGET_DIR ?= $(cache)/target/$(checkout)
export RUSTC_WORKSPACE_WRAPPER ?= $(CURDIR)/.ci/rustc

# Where the suites find the plugins: built each by itself, since cargo joins the features of all that it builds at once.
export MULTI_ENI_BIN_DIR := $(CARGO_TARGET_DIR)/bin-$(checkout)
cargo_deny_version := 0.20.2
cargo_deny := $(cache)/cargo-deny-$(cargo_deny_version)/bin/cargo-deny
plugins := multi-eni multi-eni-ipam
# Built apart from the plugins, which are to have none of its dependencies' features.
agent := multi-eni-agent
size_limit := 4194304
# Nothing that is shipped needs a library of its host. The flag is the last crate's alone: what it stands on is compiled once.
static := -C target-feature=+crt-static
shipped := $(MULTI_ENI_BIN_DIR)-shipped
version := $(shell sed -n '/^\[workspace.package\]/,/^$$/ s/^version = "\(.*\)"/\1/p' Cargo.toml)
TREE ?= $(CARGO_TARGET_DIR)/image
comma := ,
space := $() $()

.PHONY: help demo test test-cluster test-guest bench plugins agent shipped image image-tree lint prepare binaries

help: ## what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14

demo: prepare binaries ## a container gets an ENI of a simulated VPC and gives it back; STAY=1 to go on by hand
	@"$(MULTI_ENI_BIN_DIR)/demo" $(if $(STAY),--stay)

test: prepare $(if $(ONLY),,lint) binaries ## everything that is tested, as root on Debian 12; ONLY=del_1 for what has that in its name
	@tests/run $(ONLY)

test-guest: prepare binaries ## real PCI NICs in a guest: hot-plug, dying namespaces, vfio-pci, power cuts; ONLY=vfi_3 as above
	@MULTI_ENI_GUEST_ONLY=$(ONLY) cargo test --locked -p e2e --test guest -- --nocapture

test-cluster: prepare binaries ## of all tests, those of a real Kubernetes: the agents, pods, and their ENIs; ONLY=dev_1 as above
	@cargo test --locked -p e2e --test cluster -- $(ONLY)

bench: prepare shipped ## what ADD, DEL and the agent cost, beside the kernel's share and beside host-device; into bench.json
	@cargo build --locked --release -p e2e --bin bench --bin node-init
	@MULTI_ENI_PLAN_TIMES="$(CARGO_TARGET_DIR)/plan-times.json" \
	  cargo test --quiet --locked -p $(agent) a_plan_grows_with_the_enis >/dev/null
	@# What the builds wrote is on the disk before anything is measured.
	@sync
	@MULTI_ENI_PLAN_TIMES="$(CARGO_TARGET_DIR)/plan-times.json" MULTI_ENI_BIN_DIR="$(shipped)" \
	  "$(CARGO_TARGET_DIR)/release/bench" bench.json

plugins: ## the two plugins as they are shipped: static, small
	@RUSTFLAGS="-C target-feature=+crt-static" cargo build --locked --profile plugin --target $(host) $(plugins:%=-p %)
	@for plugin in $(plugins); do \
	  path="$(CARGO_TARGET_DIR)/$(host)/plugin/$$plugin"; \
	  size=$$(stat -c %s "$$path"); \
	  printf '%s  %d bytes\n' "$$path" "$$size"; \
	  if readelf -lW "$$path" | grep -q INTERP; then echo "$$plugin is not static" >&2; exit 1; fi; \
	  if (( size > $(size_limit) )); then echo "$$plugin is larger than $(size_limit) bytes" >&2; exit 1; fi; \
	done

agent: ## the agent as it is shipped; the AWS SDK takes some minutes and 8 GB of memory, once
	@cargo rustc --locked --release -p $(agent) --bin $(agent) -- $(static)
	@printf '%s  %d bytes\n' "$(CARGO_TARGET_DIR)/release/$(agent)" "$$(stat -c %s "$(CARGO_TARGET_DIR)/release/$(agent)")"

shipped: plugins agent
	@install -m 755 -D -t "$(shipped)" "$(CARGO_TARGET_DIR)/release/$(agent)" $(plugins:%="$(CARGO_TARGET_DIR)/$(host)/plugin/%")

image: image-tree ## the image of all three as an archive, which `docker load` and `ctr images import` take; no container tool is needed
	@install/image/archive "$(TREE)" multi-eni-cni:$(version) "$(TREE).tar"
	@printf '%s  %d bytes\n' "$(TREE).tar" "$$(stat -c %s "$(TREE).tar")"

image-tree: shipped
	@rm -rf "$(TREE)"
	@install/image/tree "$(shipped)" "$(TREE)"

lint: $(cargo_deny) ## format, clippy, licences and origins of the dependencies
	@cargo fmt --all --check
	@# The name of the checkout makes clippy look again where another one was the last to look.
	@cargo clippy --locked --workspace --all-targets --all-features -- -D warnings --cfg 'checkout="$(checkout)"' -A unexpected_cfgs
	@"$(cargo_deny)" --locked check --hide-inclusion-graph bans licenses sources

# Once per machine and version; unoptimised, which makes a minute of ten, and it runs for a second.
$(cargo_deny):
	@env -u CARGO_BUILD_BUILD_DIR -u CARGO_TARGET_DIR -u RUSTC_WORKSPACE_WRAPPER \
	  cargo install cargo-deny --locked --version =$(cargo_deny_version) --debug --root "$(@D)/.."

prepare:
	@tests/prepare

# Built by themselves, the plugins have no feature that only a test needs; the faulty ones kill themselves where a test
# tells them to. What is found in the folder is always whole.
binaries: ## the programs as the tests run them, unoptimised
	@mkdir -p "$(MULTI_ENI_BIN_DIR)"
	@exec 9>"$(MULTI_ENI_BIN_DIR)/lock"; flock 9; \
	put() { install -m 755 "$(CARGO_TARGET_DIR)/debug/$$1" "$(MULTI_ENI_BIN_DIR)/new"; mv "$(MULTI_ENI_BIN_DIR)/new" "$(MULTI_ENI_BIN_DIR)/$$2"; }; \
	cargo build --locked $(plugins:%=-p %) --features $(subst $(space),$(comma),$(plugins:%=%/fault-injection)); \
	for plugin in $(plugins); do put $$plugin $$plugin-faulty; done; \
	for plugin in $(plugins); do cargo rustc --locked -p $$plugin --bin $$plugin -- $(static); put $$plugin $$plugin; done; \
	cargo build --locked -p $(agent) --features fault-injection; put $(agent) $(agent)-faulty; \
	cargo rustc --locked -p $(agent) --bin $(agent) -- $(static); put $(agent) $(agent); \
	cargo build --locked -p e2e -p ec2sim --bins; \
	for program in demo deviceid-from-kubelet ec2sim fake-ipam guest node-init; do put $$program $$program; done; \
	rm -rf "$(MULTI_ENI_BIN_DIR)/image"; \
	install/image/tree "$(MULTI_ENI_BIN_DIR)" "$(MULTI_ENI_BIN_DIR)/image"; \
	install/image/archive "$(MULTI_ENI_BIN_DIR)/image" multi-eni-cni:$(version) "$(MULTI_ENI_BIN_DIR)/image.tar"; \
	echo "programs     $(MULTI_ENI_BIN_DIR)"
