from composer.pipeline import Composer


class Memory:
    MOST = 64
    def __init__(self, half_life=8): ...

    def hear(self, sequence): ...
    def model(self, composer: Composer) -> Composer:
        return composer
