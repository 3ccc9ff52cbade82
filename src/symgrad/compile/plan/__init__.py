"""Array graphs as programs: loop nests, calls of BLAS and of libraries, over planned buffers (`planner.plan`)."""
