# What `make install` puts where: headers, both libraries, the command, manual pages, the amalgamation, a .pc file and
# a CMake package.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set_target_properties(rill_static PROPERTIES EXPORT_NAME static)
set_target_properties(rill_shared PROPERTIES EXPORT_NAME shared)
install(TARGETS rill_static rill_shared EXPORT rill-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS rill RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS rill_packetdrill LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY src/plugin/shims DESTINATION ${CMAKE_INSTALL_DATADIR}/rill USE_SOURCE_PERMISSIONS)
install(DIRECTORY include/rill DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")

file(GLOB RILL_MAN1 CONFIGURE_DEPENDS docs/man/*.1)
file(GLOB RILL_MAN3 CONFIGURE_DEPENDS docs/man/*.3)
install(FILES ${RILL_MAN1} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${RILL_MAN3} DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)

# The library as two files, made anew with each install.
set(RILL_AMALGAMATION ${CMAKE_BINARY_DIR}/amalgamation)
install(CODE "execute_process(COMMAND \"${CMAKE_SOURCE_DIR}/tools/amalgamate\" \"${RILL_AMALGAMATION}\"
                              COMMAND_ERROR_IS_FATAL ANY)")
install(FILES ${RILL_AMALGAMATION}/rill.c ${RILL_AMALGAMATION}/rill.h
        DESTINATION ${CMAKE_INSTALL_DATADIR}/rill/amalgamation)

# Relative, so that `cmake --install --prefix` may put everything elsewhere.
file(RELATIVE_PATH RILL_PREFIX_FROM_PC /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(cmake/rill.pc.in ${CMAKE_BINARY_DIR}/rill.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/rill.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(RILL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/rill)
configure_package_config_file(cmake/rill-config.cmake.in ${CMAKE_BINARY_DIR}/rill-config.cmake
                              INSTALL_DESTINATION ${RILL_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/rill-config-version.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/rill-config.cmake ${CMAKE_BINARY_DIR}/rill-config-version.cmake
        DESTINATION ${RILL_CMAKE_DIR})
install(EXPORT rill-targets NAMESPACE rill:: DESTINATION ${RILL_CMAKE_DIR})
