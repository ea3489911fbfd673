# SPDX-License-Identifier: MIT
#
# Manual pages and completion for bash, made from what the programs' --help says. Where no Python is, there are none.
find_package(Python3 3.9 COMPONENTS Interpreter)
if(NOT Python3_Interpreter_FOUND)
  message(STATUS "no Python here: neither manual pages nor completion")
  return()
endif()

get_property(programs GLOBAL PROPERTY PACELINE_PROGRAMS)
set(manual ${PROJECT_BINARY_DIR}/manual)
foreach(program IN LISTS programs)
  set(page ${manual}/${program}.1)
  set(completion ${manual}/completions/${program})
  set(others ${programs})
  list(REMOVE_ITEM others ${program})
  add_custom_command(OUTPUT ${page}.gz ${completion} VERBATIM
    COMMAND Python3::Interpreter -B ${PROJECT_SOURCE_DIR}/cmake/describe_program.py $<TARGET_FILE:${program}>
            --man ${page} --completion ${completion} --see-also ${others}
    COMMAND gzip -9nf ${page}
    DEPENDS ${program} ${PROJECT_SOURCE_DIR}/cmake/describe_program.py
    COMMENT "Describing ${program}")
  list(APPEND pages ${page}.gz)
  install(FILES ${page}.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ${program})
  install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT ${program})
endforeach()
add_custom_target(manual ALL DEPENDS ${pages})
