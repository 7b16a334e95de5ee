"""The contestants, each with the settings it is given: as alike as their options allow, defaults where there is nothing to compare."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fcgipm.pool.policy import PoolSettings
from simulation import php_fpm, uwsgi
from simulation.breathing import Breathing
from simulation.site import Costs, Manager, Site


class Settings(NamedTuple):
    """Least and most workers of every algorithm; `spare` and `idle_timeout` (seconds) as fcgipm has them."""

    min: int = 2
    max: int = 40
    spare: int = 1
    idle_timeout: float = 10.0

    def pool(self, name: str = "simulated") -> PoolSettings:
        """For fcgipm."""
        return PoolSettings(name, self.min, self.max, 1, 60.0, self.spare, self.idle_timeout)


class Algorithm(NamedTuple):
    """`fair`: see `Site`."""

    name: str
    manage: Callable[[Site], Manager]
    fair: bool = True


def fcgipm(settings: Settings, name: str = "fcgipm") -> Algorithm:
    """With these settings."""
    return Algorithm(name, lambda site: Breathing(site, settings.pool()), fair=False)


def everybody(settings: Settings, costs: Costs) -> list[Algorithm]:
    """All, fcgipm first. php-fpm's dynamic starts with `min` and keeps from `min` to twice as many idle; uWSGI has the defaults of its options."""
    least, most = settings.min, settings.max
    cheaper = uwsgi.Cheaper(least, most)
    return [
        fcgipm(settings),
        fcgipm(settings._replace(min=0, spare=0), "fcgipm ondemand"),
        Algorithm("php-fpm dynamic", lambda site: php_fpm.Dynamic(site, least, least, 2 * least, most)),
        Algorithm("php-fpm ondemand", lambda site: php_fpm.OnDemand(site, most, settings.idle_timeout, costs.each)),
        Algorithm("php-fpm static", lambda site: php_fpm.Static(site, most)),
        Algorithm("uWSGI spare", lambda site: uwsgi.Spare(site, cheaper)),
        Algorithm("uWSGI busyness", lambda site: uwsgi.Busyness(site, cheaper)),
    ]
