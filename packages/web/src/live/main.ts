import { addCopyButtons } from './copy.ts';
import { followMarket } from './market.ts';
import { keepTimes } from './times.ts';

/** What the pages do besides: they are whole without it. */
addCopyButtons();
keepTimes();
if (document.body.dataset.live === 'market') followMarket();
