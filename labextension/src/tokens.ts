import { Token } from '@lumino/coreutils';
import type { IPlace as Place } from './panel/place';

/** The place that the person works in. */
export const IPlace = new Token<Place>('nbtrack:IPlace', 'Follows the active notebook or the folder in the file browser.');
export type IPlace = Place;
