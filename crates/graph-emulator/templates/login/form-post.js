// Posts the answer at once; without scripts the page has a button.
document.getElementById("answer").submit();
