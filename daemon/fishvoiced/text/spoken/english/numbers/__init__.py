"""Whatever has digits: cardinals and fractions, quantities with units, money, dates and times, codes and addresses."""
