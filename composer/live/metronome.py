def tapped(moments):
    return None
