"""Packages, computed: everything installs under the one import name `dualport`.

A list written by hand would lose every sub-package that is added later, so the folders are searched.
"""

from setuptools import find_packages, setup

FOLDERS = ("backends", "common", "scripts")

packages = ["dualport"]
package_dir = {"dualport": "src/dualport"}
for folder in FOLDERS:
    package_dir[f"dualport.{folder}"] = folder
    packages.append(f"dualport.{folder}")
    packages += [f"dualport.{folder}.{name}" for name in find_packages(folder)]

setup(packages=packages, package_dir=package_dir, package_data={"": ["*.j2", "py.typed"]})
