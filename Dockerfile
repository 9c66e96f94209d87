# Two images from one file: `operator`, and `flow`, on which flows run.
#
#   docker build --target operator --tag millstream-operator:dev .
#   docker build --target flow --tag millstream-flow:dev .
#   docker build --target flow --build-arg EXTRA_REQUIREMENTS="pandas boto3>=1.40" --tag my-flows:1 .
#
# Packages come from the package index, and from dist/wheels where that folder is. With --build-arg PIP_NO_INDEX=1 they come
# from dist/wheels alone: hack/images fills it and builds in that way, which works where a build reaches no index.
ARG BASE_IMAGE=python:3.13-slim

# What the final images have in common.
FROM ${BASE_IMAGE} AS runtime
# The published Python images come without compiled modules, and in a container that cannot write each start would compile
# the standard library anew. Where the base has them this adds nothing.
RUN python3 -m compileall -q -x '/(test|tests|idlelib|lib2to3|turtledemo|(site|dist)-packages)/' \
      "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# A name and a home for the user: much code asks for them. /tmp is what a pod with a read-only root makes writable.
RUN echo 'millstream:x:65532:65532::/tmp:/usr/sbin/nologin' >> /etc/passwd && echo 'millstream:x:65532:' >> /etc/group
ENV PATH=/opt/millstream/bin:$PATH HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# What the project depends on, by itself: of all changes of pyproject.toml only those of it install anything again.
FROM runtime AS requirements
COPY pyproject.toml .
RUN python3 -c 'import tomllib; \
    project = tomllib.load(open("pyproject.toml", "rb"))["project"]; \
    write = lambda name, lines: open(name, "w").write("\n".join(lines)); \
    write("flow.txt", project["dependencies"]); \
    write("kubernetes.txt", project["optional-dependencies"]["kubernetes"]); \
    write("operator.txt", project["dependencies"] + project["optional-dependencies"]["operator"])'

FROM runtime AS venv
ARG PIP_NO_INDEX
ARG PIP_INDEX_URL
# As variables, since the stages that go on from here do not all inherit arguments. pip ignores empty ones.
ENV PIP_NO_INDEX=$PIP_NO_INDEX PIP_INDEX_URL=$PIP_INDEX_URL PIP_FIND_LINKS=/wheels
ENV PIP_NO_CACHE_DIR=1 PIP_QUIET=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python3 -m venv /opt/millstream && pip uninstall --yes setuptools
# dist/wheels need not be there: a pattern may match nothing as long as something else is copied, here LICENSE.
COPY LICENSE dist/wheel[s] /wheels/

FROM venv AS operator-venv
COPY --from=requirements operator.txt .
RUN pip install --no-compile --requirement operator.txt && pip uninstall --yes pip
# Of the kubernetes package, 126 MB when compiled, only the loading of credentials is used. Its generated API classes and a
# second client, for asyncio, are loaded on demand, and nothing asks for them: 100 MB. The check at the end fails the build
# when another version of it, or of kopf, does.
RUN cd /opt/millstream/lib/python3.*/site-packages && rm -r kubernetes/aio kubernetes/client/api && \
    python -m compileall -q --invalidation-mode unchecked-hash . && \
    python -c 'import kopf, kubernetes; kubernetes.config.load_kube_config, kubernetes.client.Configuration.get_default_copy()'

# pip stays here: it installs what flows name as their requirements, and images are made from this one. uv would do that
# in half the time, 0.7 s less for pandas, and makes the image 38 MB larger, a fifth, on each node.
FROM venv AS flow-venv
COPY --from=requirements flow.txt kubernetes.txt ./
# Of the kubernetes package what speaks to an API server, 2 MB, as above, and without what only its second client needs. Its
# metadata goes as well, so that a flow that requires the package gets it whole.
RUN pip install --no-compile --requirement flow.txt durationpy python-dateutil websocket-client && \
    pip install --no-compile --no-deps --requirement kubernetes.txt && \
    cd /opt/millstream/lib/python3.*/site-packages && \
    rm -r kubernetes/aio kubernetes/client/api kubernetes-*.dist-info && \
    find kubernetes/client/models -type f ! -name __init__.py -delete && \
    python -c 'import kubernetes; kubernetes.config.load_kube_config, kubernetes.client.ApiClient(kubernetes.client.Configuration())'
# Of what the extra requirements bring, tests are not worth the space compiled, and some files are not meant to compile.
ARG EXTRA_REQUIREMENTS
RUN pip install --no-compile --requirement flow.txt $EXTRA_REQUIREMENTS
RUN python -m compileall -q -x '/tests/' --invalidation-mode unchecked-hash /opt/millstream/lib || true

# The project itself is apart from what it depends on: a change of it makes one small layer anew.
FROM venv AS project
COPY pyproject.toml README.md LICENSE ./
COPY sdk sdk
COPY operator operator
RUN pip install --no-compile --no-deps --prefix /project . && \
    python -m compileall -q --invalidation-mode unchecked-hash -s /project -p /opt/millstream /project

FROM runtime AS operator
COPY --from=operator-venv /opt/millstream /opt/millstream
COPY --from=project /project /opt/millstream
USER 65532:65532
ENTRYPOINT ["python", "-m", "millstream_operator"]

FROM runtime AS flow
COPY --from=flow-venv /opt/millstream /opt/millstream
COPY --from=project /project /opt/millstream
WORKDIR /flows
USER 65532:65532
CMD ["python"]
