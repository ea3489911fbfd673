# SPDX-License-Identifier: MIT
#
# What `cmake --install` puts where, and what find_package(paceline) finds. Programs install themselves (PacelineTarget).

include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME libpaceline-dev)

get_property(libraries GLOBAL PROPERTY PACELINE_LIBRARIES)
install(TARGETS paceline_include ${libraries}
  EXPORT paceline-targets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/paceline DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_BINARY_DIR}/generated/include/paceline/version.h
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/paceline)
install(EXPORT paceline-targets NAMESPACE paceline:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/paceline)

configure_package_config_file(cmake/paceline-config.cmake.in ${PROJECT_BINARY_DIR}/paceline-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/paceline)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/paceline-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/paceline-config.cmake ${PROJECT_BINARY_DIR}/paceline-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/paceline)
