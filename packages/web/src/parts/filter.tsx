import { Icon } from '../icons.tsx';

interface SearchFieldProps {
  /** What it searches in, for those who do not see the field. */
  readonly label: string;
  readonly placeholder: string;
  readonly value: string;
}

/** The field of a search, in a form. */
export function SearchField({ label, placeholder, value }: SearchFieldProps) {
  return (
    <div class="with-icon">
      <Icon name="search" />
      <label class="vh" for="q">
        {label}
      </label>
      <input class="input" id="q" name="search" type="search" maxLength={200} value={value} placeholder={placeholder} />
    </div>
  );
}

interface ChosenTagsProps {
  readonly tags: readonly string[];
  /** The address of the list with these tags. */
  url(tags: string): string;
}

/** The tags of a filter. Each leads to the list without it. */
export function ChosenTags({ tags, url }: ChosenTagsProps) {
  return (
    <>
      {tags.map((tag) => (
        <a key={tag} class="chip on" href={url(tags.filter((other) => other !== tag).join(','))} aria-current="true">
          <bdi>{tag}</bdi>
          <span class="vh"> (remove)</span>
          <span aria-hidden="true">×</span>
        </a>
      ))}
    </>
  );
}
