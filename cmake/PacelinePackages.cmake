# SPDX-License-Identifier: MIT
#
# Debian packages, a component each: scripts/package runs cpack. What lies outside of the prefix is in packages alone.

set(PACELINE_MAINTAINER "The Paceline authors <authors@paceline.invalid>" CACHE STRING "Who maintains the Debian packages: NAME <ADDRESS>")
set(debian ${PROJECT_BINARY_DIR}/debian)
set(components paceline-recv paceline-send paceline-decode libpaceline-dev)

# Debian's own changelog; what changed is in NEWS.
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC)
else()
  file(TIMESTAMP ${PROJECT_SOURCE_DIR}/CHANGELOG.md date "%a, %d %b %Y %H:%M:%S +0000" UTC)
endif()
configure_file(deploy/debian/changelog.in ${debian}/changelog @ONLY)
execute_process(COMMAND gzip -9nf ${debian}/changelog COMMAND_ERROR_IS_FATAL ANY)
configure_file(CHANGELOG.md ${debian}/NEWS COPYONLY)
execute_process(COMMAND gzip -9nf ${debian}/NEWS COMMAND_ERROR_IS_FATAL ANY)
file(READ LICENSE license)
string(REGEX MATCH "Copyright \\(c\\) ([^\n]*)" _ "${license}")
set(holder ${CMAKE_MATCH_1})
string(REGEX REPLACE "^.*\n(Permission is hereby)" "\\1" license "${license}")
string(STRIP "${license}" license)
string(REPLACE "\n\n" "\n.\n" license "${license}")
string(REPLACE "\n" "\n " license "${license}")
configure_file(deploy/debian/copyright.in ${debian}/copyright @ONLY)
foreach(component IN LISTS components)
  install(FILES ${debian}/changelog.gz ${debian}/NEWS.gz ${debian}/copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${component} COMPONENT ${component} EXCLUDE_FROM_ALL)
endforeach()

install(FILES deploy/systemd/paceline-recv.service DESTINATION /usr/lib/systemd/system
  COMPONENT paceline-recv EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/recv.toml DESTINATION /etc/paceline COMPONENT paceline-recv EXCLUDE_FROM_ALL)
install(FILES docs/operations.md docs/install.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/paceline-recv
  COMPONENT paceline-recv EXCLUDE_FROM_ALL)
install(FILES docs/campaigns.md docs/migrating-from-ditg.md DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/paceline-send
  COMPONENT paceline-send EXCLUDE_FROM_ALL)
install(DIRECTORY examples DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/paceline-send USE_SOURCE_PERMISSIONS
  COMPONENT paceline-send EXCLUDE_FROM_ALL)

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME paceline)
set(CPACK_PACKAGE_VENDOR Paceline)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_ALL ${components})
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${PACELINE_MAINTAINER}")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

# paceline_package(COMPONENT SUMMARY DESCRIPTION): one of the packages. Programs depend on what they are linked with.
function(paceline_package component summary description)
  string(TOUPPER ${component} upper)
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${component} PARENT_SCOPE)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${summary}\n${description}" PARENT_SCOPE)
  if(NOT component MATCHES "-dev$")
    set(CPACK_DEBIAN_${upper}_PACKAGE_SHLIBDEPS ON PARENT_SCOPE)
  endif()
endfunction()

paceline_package(paceline-recv "receiver that measures network paths into pods and hosts"
"Stamps what paceline-send sends in a TC eBPF hook and again in userspace,
and answers with delay, loss, jitter and goodput while flows run. This
package has a systemd unit, which is not started by itself.")
paceline_package(paceline-send "traffic generator that measures network paths"
"Sends paced flows of packets, TCP streams and connections to
paceline-recv, through NodePorts and other address translation, and tells
what the path did to them.")
paceline_package(paceline-decode "decoder of Paceline's record and runs files"
"Replays the records of single packets, follows a running receiver,
compares the runs of campaigns, and draws reports.")
paceline_package(libpaceline-dev "library to measure network paths (development files)"
"The sender, receiver and decoder as static libraries with C++20 headers and
a CMake package.")

set(CPACK_DEBIAN_LIBPACELINE-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_LIBPACELINE-DEV_PACKAGE_DEPENDS
    "g++, libprotobuf-dev, nlohmann-json3-dev, libfmt-dev, libzstd-dev, libsimdjson-dev, zlib1g-dev, libssl-dev, libboost-dev, libpcap-dev")
if(PACELINE_WITH_BPF)
  string(APPEND CPACK_DEBIAN_LIBPACELINE-DEV_PACKAGE_DEPENDS ", libbpf-dev, pkg-config")
endif()
set(CPACK_DEBIAN_PACELINE-RECV_PACKAGE_CONTROL_EXTRA
    "${PROJECT_SOURCE_DIR}/deploy/debian/conffiles;${PROJECT_SOURCE_DIR}/deploy/debian/postinst;${PROJECT_SOURCE_DIR}/deploy/debian/prerm;${PROJECT_SOURCE_DIR}/deploy/debian/postrm")
include(CPack)
